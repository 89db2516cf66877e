"""Texts of the demo shop: sentences of product descriptions by persona, and phrases of queries by wish.

Descriptions and queries use different words for the same persona, so that matching words is not enough.
"""

from __future__ import annotations

PERSONAS = ("gaming", "outdoor", "elegant", "seniors", "music", "students")
SPECS = ("battery", "camera", "screen", "speed")
BUDGETS = ("low", "middle", "high")

DESCRIPTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "gaming": {
        "en": (
            "Built for players: vapour cooling and shoulder triggers keep every match smooth.",
            "Dominate ranked matches with touch sampling made for esports.",
            "A pocket console: frame rates stay high from the first level to the final boss.",
            "Game mode silences the world so that you never miss a shot.",
            "Tuned with tournament teams for fast shooters and endless raids.",
        ),
        "zh": (
            "专为玩家打造，液冷散热，团战不卡顿。",
            "电竞级触控采样，排位赛快人一步。",
            "肩键设计，掌上游戏机的快感。",
            "游戏模式屏蔽打扰，通关更专注。",
        ),
    },
    "outdoor": {
        "en": (
            "Rugged to the core: shrugs off mud, rain and a drop from the summit.",
            "Made for trails and building sites, sealed against dust and water.",
            "Find your way back with an offline compass and a torch that lights the whole camp.",
            "Gloves on, wind howling: it still answers.",
            "A companion for climbers, anglers and everyone who works outside.",
        ),
        "zh": (
            "三防机身，不怕泥水与跌落。",
            "登山露营的好伙伴，离线指南针随时指路。",
            "工地野外照样可靠，戴手套也能操作。",
            "强光手电，照亮整个营地。",
        ),
    },
    "elegant": {
        "en": (
            "Quiet luxury: a slim silhouette that belongs beside a fine watch.",
            "For boardrooms and opening nights, crafted like jewellery.",
            "Understated, refined, polished by hand.",
            "A calm companion for executives who value discretion.",
            "Tailored lines and a presence that never shouts.",
        ),
        "zh": (
            "低调奢华，如同精致腕表。",
            "商务场合的优雅之选，手工打磨。",
            "线条修长，气质内敛。",
            "为高管打造，彰显品味。",
        ),
    },
    "seniors": {
        "en": (
            "Large letters, loud and clear calls, and a help button on the back.",
            "Simple menus that anybody's grandmother understands at once.",
            "Works with hearing aids; one touch calls the family.",
            "No clutter: four big tiles for the people who matter.",
            "Reminds you of your pills and finds itself when mislaid.",
        ),
        "zh": (
            "大字体，大音量，一键呼叫家人。",
            "简单菜单，长辈一看就懂。",
            "支持助听器，背面紧急求助键。",
            "提醒吃药，老人放心。",
        ),
    },
    "music": {
        "en": (
            "Studio sound: tuned stereo speakers and a headphone socket for purists.",
            "Hear every string: a dedicated converter for lossless albums.",
            "Concerts in your pocket, with bass that fills the room.",
            "Records rehearsals with four microphones and mixes them on the go.",
            "Made with sound engineers for those who live by their playlists.",
        ),
        "zh": (
            "录音棚级音质，立体声双扬声器。",
            "独立解码芯片，无损专辑细节尽现。",
            "低音震撼，口袋里的音乐会。",
            "为乐迷打造，保留耳机孔。",
        ),
    },
    "students": {
        "en": (
            "Campus ready: scans lecture notes and splits the screen for homework.",
            "Survives the backpack, the dorm and the canteen.",
            "Study timers, flash cards and parental peace of mind.",
            "A first phone that keeps up with lessons and friends.",
            "Turns whiteboards into tidy notes before the bell rings.",
        ),
        "zh": (
            "校园必备，扫描课堂笔记。",
            "分屏写作业，学习更高效。",
            "番茄钟与单词卡，陪你备考。",
            "人生第一部手机，家长放心。",
        ),
    },
}

FILLERS = {
    "en": (
        "In the box: charger, cable and a quick-start guide.",
        "Two years of warranty and free returns within thirty days.",
        "Ships with the newest system and monthly security updates.",
        "Recycled packaging, no single-use plastic.",
        "Available while stocks last.",
    ),
    "zh": ("附带充电器与数据线。", "两年质保，三十天无理由退货。", "每月安全更新。", "环保包装。"),
}

QUERY_PHRASES: dict[str, dict[str, tuple[str, ...]]] = {
    "gaming": {
        "en": (
            "a phone to play games all night",
            "something for my shooter and racing games",
            "a gamer's phone",
            "no lag when I play online",
        ),
        "zh": ("打游戏用的手机", "玩手游不掉帧", "适合打王者的手机", "喜欢玩游戏"),
    },
    "outdoor": {
        "en": (
            "a tough phone for hiking",
            "something waterproof I can drop",
            "a phone for camping trips",
            "it has to survive my construction job",
        ),
        "zh": ("徒步用的结实手机", "防水防摔的手机", "户外旅行用", "要耐摔"),
    },
    "elegant": {
        "en": (
            "a classy phone for work",
            "something stylish for business meetings",
            "a sophisticated looking phone",
            "a premium gift for my boss",
        ),
        "zh": ("商务人士用的高档手机", "有气质的手机", "送领导的体面手机", "高级感的手机"),
    },
    "seniors": {
        "en": (
            "an easy phone for my grandfather",
            "big buttons for an elderly person",
            "a simple phone for my mum who hears badly",
            "a phone for old people",
        ),
        "zh": ("给爷爷奶奶用的手机", "老人机，字要大", "父母用的简单手机", "声音大的手机"),
    },
    "music": {
        "en": (
            "a phone with great audio",
            "I listen to songs all day",
            "something for a music lover with good speakers",
            "the best sound for my headphones",
        ),
        "zh": ("听歌音质好的手机", "喜欢听音乐", "喇叭效果好", "插耳机听歌用"),
    },
    "students": {
        "en": (
            "a phone for university",
            "for my daughter who starts school",
            "something for a teenager and homework",
            "a phone for classes and notes",
        ),
        "zh": ("上大学用的手机", "给孩子上学用", "学生党推荐", "上课记笔记用"),
    },
    "battery+": {
        "en": (
            "the battery should last for days",
            "I hate charging it",
            "long battery life",
            "endurance matters",
        ),
        "zh": ("电池要耐用", "不想天天充电", "续航长", "待机时间久"),
    },
    "battery-": {
        "en": (
            "light in the pocket, I charge every night anyway",
            "a small battery is fine",
            "not a heavy brick",
            "I always have a charger",
        ),
        "zh": ("轻一点，电池小没关系", "每天都能充电", "不要太重", "充电方便"),
    },
    "camera+": {
        "en": (
            "I take a lot of pictures",
            "sharp photos even at night",
            "a very good camera",
            "for my travel photography",
        ),
        "zh": ("拍照要好", "夜景拍得清楚", "喜欢摄影", "像素要高"),
    },
    "camera-": {
        "en": (
            "I do not care about photos",
            "no need for a fancy camera",
            "the camera is not important",
            "I never take pictures",
        ),
        "zh": ("不怎么拍照", "相机无所谓", "不需要好镜头", "拍照不重要"),
    },
    "screen+": {
        "en": (
            "a huge display for films",
            "a big screen please",
            "I watch videos on it",
            "as large as possible",
        ),
        "zh": ("大屏幕", "看视频用，屏幕要大", "显示要大", "越大越好"),
    },
    "screen-": {
        "en": ("it must fit in one hand", "a compact one", "small phones only", "it should fit in my jeans"),
        "zh": ("单手能握", "小屏手机", "小巧一点", "放得进口袋"),
    },
    "speed+": {
        "en": ("as fast as possible", "lots of memory", "it must never slow down", "a powerful processor"),
        "zh": ("运行要快", "内存要大", "性能强", "不能卡"),
    },
    "speed-": {
        "en": (
            "only for calls and messages",
            "I do not need power",
            "basic is enough",
            "nothing complicated inside",
        ),
        "zh": ("只打电话发短信", "性能够用就行", "基本功能即可", "不需要高配置"),
    },
    "low": {
        "en": ("it has to be cheap", "I am on a tight budget", "as little money as possible", "a bargain"),
        "zh": ("便宜一点", "预算不多", "性价比高", "越便宜越好"),
    },
    "middle": {
        "en": (
            "a reasonable price",
            "not too cheap and not too expensive",
            "in the middle of the price range",
            "fair value",
        ),
        "zh": ("价格适中", "不要太贵也不要太便宜", "中等价位", "价钱合理"),
    },
    "high": {
        "en": (
            "money is no object",
            "I would pay for the very best",
            "the most expensive is fine",
            "a flagship",
        ),
        "zh": ("价格不是问题", "要旗舰机", "最贵的也可以", "不差钱"),
    },
}

OPENINGS = {
    "en": ("", "Hi, I want ", "Looking for ", "Please help: ", "I need ", "Which phone? "),
    "zh": ("", "我想要", "求推荐：", "请问有没有", "需要", "帮我选："),
}

BRAND_STARTS = (
    "Nor",
    "Vel",
    "Kai",
    "Zan",
    "Ori",
    "Lum",
    "Tek",
    "Fen",
    "Mir",
    "Sol",
    "Ara",
    "Bex",
    "Qui",
    "Hal",
    "Jun",
    "Pax",
)
BRAND_ENDS = ("vik", "ora", "zen", "tron", "lis", "mo", "dex", "una", "qo", "ris", "tel", "wave")
LINE_STARTS = (
    "Fjell",
    "Nova",
    "Pico",
    "Terra",
    "Edge",
    "Vanta",
    "Mist",
    "Halo",
    "Rune",
    "Cirro",
    "Delta",
    "Umbra",
    "Koi",
    "Sable",
)
LINE_ENDS = ("", " X", " Pro", " Lite", " Air", " Neo", " Max", " Se")
COLOR_NAMES = (
    "Nebula",
    "Tide",
    "Monsoon",
    "Ember Glow",
    "Polar Wind",
    "Velvet Hour",
    "First Light",
    "Old Harbour",
    "Silent Hill",
    "Echo",
)
"""Marketing names that do not reveal the colour: looks are visible in pictures only."""

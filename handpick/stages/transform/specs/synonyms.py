"""Words of spec sheets by what they are about, in the languages of shops.

The languages are English and its Hindi trade language, German, Dutch, Spanish, Portuguese, French, Italian,
Polish, Turkish, Russian, Chinese and Hindi. All words are written as `keys.normalize_key` leaves them: lower
case, without accents, separated by blanks.
"""

from __future__ import annotations

TOPIC_PHRASES: dict[str, tuple[str, ...]] = {
    "display": (
        "kich thuoc man hinh", "man hinh",
        "display size", "screen size", "display inches", "screen inches", "size", "display diagonal",
        "screen diagonal", "diagonal", "displaygrosse", "displaygroesse", "displaydiagonale",
        "bildschirmgrosse", "bildschirmgroesse", "bildschirmdiagonale", "tamano de pantalla",
        "tamano pantalla", "pulgadas", "taille ecran", "taille de l ecran", "dimensione schermo",
        "dimensioni schermo", "dimensione display", "tamanho da tela", "tamanho do ecra", "tela",
        "ecra", "ekran boyutu", "przekatna", "rozmiar ekranu", "диагональ", "размер экрана", "屏幕尺寸",
        "屏幕大小", "屏幕", "尺寸", "显示屏", "स्क्रीन साइज", "डिस्प्ले साइज", "स्क्रीन", "डिस्प्ले",
        "schermdiagonaal", "schermgrootte", "beeldscherm", "screen", "display", "bildschirm",
        "pantalla", "ecran", "schermo", "wyswietlacz", "ekran", "экран", "дисплей", "display type",
        "resolution",
    ),
    "battery": (
        "dung luong pin", "pin",
        "battery capacity", "battery size", "battery mah", "battery type", "battery", "akkukapazitat",
        "akkukapazitaet", "batteriekapazitat", "akkuleistung", "akku", "batterie",
        "capacidad de la bateria", "capacidad bateria", "bateria", "capacite batterie",
        "capacite de la batterie", "batteria", "capacita batteria", "capacidade da bateria", "batterij",
        "batterijcapaciteit", "accu", "accucapaciteit", "batt", "pil", "pil gucu", "pil kapasitesi",
        "batarya", "pojemnosc baterii", "pojemnosc akumulatora", "akumulator", "аккумулятор", "батарея",
        "емкость аккумулятора", "емкость батареи", "емкость", "电池容量", "电池", "电量", "बैटरी",
        "बैटरी क्षमता", "mah", "capacity",
    ),
    "weight": (
        "trong luong", "khoi luong",
        "weight", "product weight", "wt", "wgt", "agirligi", "item weight", "phone weight", "mass",
        "gewicht", "peso", "poids", "waga", "masa", "agirlik", "вес", "масса", "重量", "机身重量",
        "वजन", "body",
    ),
    "camera": (
        "camera sau", "camera chinh",
        "main camera", "rear camera", "back camera", "primary camera", "rear cameras", "hauptkamera",
        "ruckkamera", "rueckkamera", "ruckseitige kamera", "camara trasera", "camara principal",
        "camara posterior", "camera arriere", "camera principale", "appareil photo", "capteur photo",
        "photo", "fotocamera posteriore", "fotocamera principale", "fotocamera", "camera traseira",
        "camera principal", "hoofdcamera", "achtercamera", "aparat glowny", "aparat tylny", "aparat",
        "arka kamera", "ana kamera", "основная камера", "основной камеры", "capteur", "тыловая камера",
        "главная камера", "камера", "后置摄像头", "后摄像头", "主摄像头", "后摄", "主摄", "摄像头",
        "相机", "रियर कैमरा", "मुख्य कैमरा", "कैमरा", "megapixel", "megapixels", "camera", "kamera",
        "camara", "cameras", "main cam", "rear cam", "primary cam", "cam",
    ),
    "selfie": (
        "camera truoc",
        "selfie camera", "front camera", "front cam", "camera front", "primary camera front",
        "selfie cam", "appareil photo frontal",
        "appareil photo avant", "camera frontale", "secondary camera", "selfie", "frontkamera",
        "selfiekamera", "camara frontal", "camara delantera", "camera avant",
        "fotocamera frontale", "fotocamera anteriore", "camera frontal", "frontcamera",
        "aparat przedni", "przedni aparat", "kamera przednia", "on kamera", "фронтальная камера",
        "передняя камера", "前置摄像头", "前摄像头", "前摄", "фронтальной камеры", "front facing",
        "frontal", "przedniego", "cam sec", "sec cam", "फ्रंट कैमरा", "सेल्फी कैमरा",
    ),
    "memory": (
        "bo nho trong", "dung luong luu tru",
        "storage", "internal storage", "storage capacity", "internal memory", "rom", "internal",
        "inbuilt storage", "inbuilt memory", "built in memory", "built in storage", "phone memory",
        "storage size", "flash memory", "memory size", "capacity", "interner speicher", "speicherplatz",
        "speicherkapazitat", "speichergrosse", "speicher", "festspeicher", "almacenamiento",
        "almacenamiento interno", "memoria interna", "capacidad", "stockage", "capacite de stockage",
        "memoire interne", "memoire", "memoria di archiviazione", "archiviazione",
        "spazio di archiviazione", "armazenamento", "memoria", "opslag", "opslagcapaciteit",
        "pamiec wbudowana", "pamiec wewnetrzna", "pamiec", "dahili hafiza", "dahili depolama",
        "depolama", "hafiza", "встроенная память", "внутренняя память", "встроенной памяти",
        "внутренней памяти", "пзу", "объем памяти", "память", "存储容量", "机身存储", "机身内存",
        "存储", "容量", "स्टोरेज", "इंटरनल स्टोरेज", "memory", "variant", "variants", "storage options",
    ),
    "ram": (
        "ram", "ram size", "ram memory", "system memory", "arbeitsspeicher", "memoria ram",
        "memoire vive", "memoire ram", "memoria operativa", "werkgeheugen", "pamiec ram",
        "pamiec operacyjna", "bellek", "оперативная память", "оперативной памяти", "озу", "运行内存",
        "运存", "内存", "रैम",
    ),
    "thickness": (
        "thickness", "dimensions", "body dimensions", "dimension", "measurements", "dicke",
        "abmessungen", "masse", "dimensiones", "grosor", "epaisseur", "dimensioni", "spessore",
        "dimensoes", "espessura", "afmetingen", "wymiary", "grubosc", "boyutlar", "kalinlik", "размеры",
        "габариты", "толщина", "厚度", "机身尺寸", "मोटाई", "body", "depth",
    ),
    "refresh": (
        "refresh rate", "refresh", "screen refresh rate", "bildwiederholrate", "bildwiederholfrequenz",
        "tasa de refresco", "frecuencia de actualizacion", "taux de rafraichissement",
        "frequenza di aggiornamento", "taxa de atualizacao", "verversingssnelheid",
        "czestotliwosc odswiezania", "odswiezanie", "yenileme hizi", "частота обновления",
        "частота экрана", "刷新率", "屏幕刷新率", "रिफ्रेश रेट", "display type", "display", "screen",
        "pantalla", "ecran", "schermo", "bildschirm", "tela", "ekran", "экран", "дисплей", "屏幕",
        "size",
    ),
    "charging": (
        "charging", "fast charging", "charging power", "charging speed", "quick charging",
        "wired charging", "charger", "battery charging", "schnellladen", "ladeleistung", "laden",
        "carga rapida", "carga", "charge rapide", "charge", "puissance de charge", "ricarica",
        "ricarica rapida", "carregamento", "opladen", "ladowanie", "szybkie ladowanie", "sarj",
        "hizli sarj", "зарядка", "быстрая зарядка", "мощность зарядки", "充电", "快充", "充电功率",
        "चार्जिंग", "battery type", "battery", "akku", "bateria", "batterie", "batteria",
    ),
    "resolution": (
        "resolution", "display resolution", "screen resolution", "auflosung", "aufloesung",
        "displayauflosung", "resolucion", "resolution ecran", "definition", "risoluzione", "resolucao",
        "resolutie", "rozdzielczosc", "cozunurluk", "разрешение", "разрешение экрана", "分辨率",
        "屏幕分辨率", "रिज़ॉल्यूशन", "ppi", "ppi density", "pixel density", "pixeldichte", "display",
        "screen", "size",
    ),
    "os": (
        "os", "operating system", "platform", "software", "os type", "os version", "betriebssystem",
        "sistema operativo", "systeme d exploitation", "systeme", "sistema operacional",
        "besturingssysteem", "system operacyjny", "isletim sistemi", "операционная система", "ос",
        "操作系统", "系统", "ऑपरेटिंग सिस्टम",
    ),
    "chipset": (
        "chipset", "soc", "processor", "chip", "cpu", "prozessor", "procesador", "processeur",
        "processore", "processador", "procesor", "islemci", "процессор", "чипсет", "处理器", "芯片",
        "प्रोसेसर",
    ),
    "network": (
        "technology", "network", "network technology", "networks", "network type", "cellular",
        "cellular technology", "connectivity", "cell", "netz", "netzwerk", "mobilfunk",
        "mobilfunkstandard", "red", "redes", "conectividad", "reseau", "rete", "connettivita", "rede",
        "siec", "lacznosc", "sebeke", "сеть", "стандарт связи", "网络", "网络制式", "नेटवर्क", "5g",
        "4g", "4g lte", "3g", "2g",
    ),
    "panel": (
        "display type", "panel", "display technology", "screen type", "panel type", "displaytyp",
        "displaytechnologie", "tipo de pantalla", "type d ecran", "technologie ecran",
        "tipo di schermo", "tipo de tela", "typ ekranu", "panel tipi", "тип экрана", "матрица",
        "屏幕类型", "屏幕材质", "display", "screen", "bildschirm", "pantalla", "ecran", "schermo",
        "tela", "wyswietlacz", "ekran", "экран", "дисплей", "屏幕",
    ),
    "sim": (
        "sim", "sim card", "sim type", "number of sims", "sims", "sim slots", "no of sim", "dual sim",
        "sim karte", "tarjeta sim", "carte sim", "scheda sim", "karta sim", "sim kart", "sim карта",
        "сим карта", "количество sim карт", "sim卡", "सिम",
    ),
    "build": (
        "build", "materials", "material", "body material", "back material", "gehause", "materiaux",
        "materiale", "obudowa", "malzeme", "материал", "материал корпуса", "机身材质", "材质", "body",
    ),
    "colors": (
        "color", "colour", "colors", "colours", "color name", "available colors", "colors available",
        "farbe", "farben", "farbton", "colores", "couleur", "couleurs", "colore", "colori", "cor",
        "cores", "kleur", "kleuren", "kolor", "kolory", "renk", "renkler", "цвет", "цвета", "颜色",
        "机身颜色", "रंग",
    ),
    "charging_text": (
        "charging", "wireless charging", "kabelloses laden", "carga inalambrica",
    ),
    "extras": (
        "nfc", "35 mm jack", "card slot", "memory card", "expandable storage", "microsd",
    ),
}  # fmt: skip
"""By topic, what its keys are called, the most likely first; some keys, as `body`, state several things."""

EXCLUDING_WORDS: dict[str, tuple[str, ...]] = {
    "display": (
        "ratio", "protection", "port", "video", "camera", "photo", "external", "secondary", "cover",
        "package", "file",
    ),
    "battery": (
        "life", "standby", "talk", "time", "price", "rating", "score", "laufzeit", "autonomia",
        "autonomie", "durata",
    ),
    "weight": (
        "price", "package", "shipping", "versand", "box", "ratio",
    ),
    "camera": (
        "front", "selfie", "secondary", "video", "features", "delantera", "avant", "anteriore",
        "przedni", "przednia", "przedniego", "on kamera", "фронтальн", "передн", "前", "फ्रंट", "zoom",
        "test", "tests", "led", "flash", "rating", "score", "frontal", "frontale",
    ),
    "selfie": (
        "video", "features", "test", "rating", "score",
    ),
    "memory": (
        "ram", "vive", "card", "slot", "expandable", "external", "operativa", "operacyjna", "оперативн",
        "карты", "运行", "expansion", "cloud", "type", "tarjeta", "carte", "karte", "battery", "akku",
        "bateria", "batterie", "batteria", "电池", "аккумулятора", "rating", "available",
    ),
    "ram": (
        "card", "slot", "expandable", "type", "typ", "tipo", "тип", "机身", "rating", "external",
    ),
    "thickness": (
        "package", "display", "screen", "bezel",
    ),
    "refresh": (
        "touch",
    ),
    "charging": (
        "wireless", "reverse", "kabellos", "inalambrica", "sans fil",
    ),
    "resolution": (
        "video", "camera", "photo", "selfie",
    ),
    "os": (),
    "chipset": (
        "speed", "frequency", "ghz", "cores", "core", "count",
    ),
    "network": (
        "social", "wifi", "wi fi", "bluetooth",
    ),
    "panel": (
        "resolution", "size",
    ),
    "sim": (),
    "build": (),
    "colors": (
        "depth", "number", "count", "display", "screen",
    ),
    "charging_text": (),
    "extras": (),
}  # fmt: skip
"""By topic, the words with which a key states something else, as `front camera` does beside `camera`."""

UNQUANTIFIED_WORDS = frozenset((
    "number", "num", "count", "no", "of", "anzahl", "numero", "nombre", "liczba", "количество", "type",
    "rating", "score", "cores", "core", "version", "id", "index", "rank", "rate", "level", "options",
    "category", "class", "status", "removable", "features", "price",
))  # fmt: skip
"""Words with which a bare number is no amount of what the key is about, as in `number of cameras`."""

UNIT_WORDS: dict[str, str] = {
    **dict.fromkeys((
        "mah", "ma h", "мач", "毫安", "毫安时",
    ), "mAh"),
    **dict.fromkeys((
        "ah",
    ), "Ah"),
    **dict.fromkeys((
        "inch", "inches", "in", "zoll", "pulgadas", "pulg", "pouces", "pollici", "polegadas", "inc",
        "cale", "cali", "cal", "дюйм", "дюймы", "дюймов", "英寸", "寸", "इंच",
    ), "inch"),
    **dict.fromkeys((
        "cm", "см", "厘米",
    ), "cm"),
    **dict.fromkeys((
        "mm", "мм", "毫米",
    ), "mm"),
    **dict.fromkeys((
        "g", "gr", "gm", "gms", "gram", "grams", "gramm", "gramos", "grammes", "grammi", "gramas", "г",
        "гр", "грамм", "克", "ग्राम",
    ), "g"),
    **dict.fromkeys((
        "kg", "кг", "千克", "公斤", "kilograms",
    ), "kg"),
    **dict.fromkeys((
        "oz", "ounces", "ounce", "onzas", "unzen",
    ), "oz"),
    **dict.fromkeys((
        "lb", "lbs", "pounds",
    ), "lb"),
    **dict.fromkeys((
        "gb", "go", "гб", "gib", "gigabytes",
    ), "GB"),
    **dict.fromkeys((
        "mb", "mo", "мб", "mib", "megabytes",
    ), "MB"),
    **dict.fromkeys((
        "tb", "to", "тб",
    ), "TB"),
    **dict.fromkeys((
        "mp", "mpx", "mpix", "megapixel", "megapixels", "мп", "мпикс", "megapixeles", "百万像素",
    ), "MP"),
    **dict.fromkeys((
        "万像素", "万",
    ), "万像素"),
    **dict.fromkeys((
        "hz", "гц", "赫兹", "hertz",
    ), "Hz"),
    **dict.fromkeys((
        "w", "watt", "watts", "вт", "瓦",
    ), "W"),
    **dict.fromkeys((
        "ppi",
    ), "ppi"),
}  # fmt: skip
"""A unit that a key ends with, or has in brackets, and how the parsers of values write it."""

TEXT_PHRASES = (
    "specifications", "specification", "attributes", "properties", "params", "specs", "spec",
    "description", "details", "features", "highlights", "about", "key features", "technical details",
    "product details", "text", "summary", "title", "name", "product name", "technische daten",
    "beschreibung", "caracteristicas", "descripcion", "caracteristiques", "descrizione",
    "caratteristiche", "descricao", "opis", "ozellikler", "описание", "характеристики", "规格", "参数",
    "描述", "商品名称",
)  # fmt: skip
"""Keys of running text that may state any spec."""

"""Names of months, whole and shortened, in the languages of the shops that Handpick knows."""

from __future__ import annotations

import unicodedata

_NAMES = {
    "en": "january february march april may june july august september october november december",
    "de": "januar februar märz april mai juni juli august september oktober november dezember",
    "de-at": "jänner feber märz april mai juni juli august september oktober november dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "pl": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada "
    "grudnia",
    "cs": "ledna února března dubna května června července srpna září října listopadu prosince",
    "ru": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
    "ru-nominative": "январь февраль март апрель май июнь июль август сентябрь октябрь ноябрь декабрь",
    "tr": "ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık",
    "sv": "januari februari mars april maj juni juli augusti september oktober november december",
}
_SHORT = {
    "en": "jan feb mar apr may jun jul aug sep oct nov dec", "sept": "- - - - - - - - sept - - -",
    "de": "jän febr mrz - mai - - - - okt - dez", "fr": "janv févr - avr - juin juil août - - - déc",
    "es": "ene - - abr - - - ago - - - dic", "it": "gen - - - mag giu lug ago set ott - dic",
    "pt": "- fev - abr mai - - ago set out - dez", "nl": "- - mrt - mei - - - - okt - -",
    "pl": "sty lut - kwi maj cze lip sie wrz paź lis gru",
    "ru": "янв фев мар апр май июн июл авг сен окт ноя дек",
    "ru2": "- февр март - - июнь июль - сент - нояб -", "tr": "oca şub - nis - haz tem ağu eyl eki kas ara",
    "sv": "- - mars - maj - - - - okt - -",
}  # fmt: skip


def _strip(name: str) -> str:
    """Return a name in small letters, without accents and without a dot at its end."""
    plain = unicodedata.normalize("NFKD", name.casefold().rstrip("."))
    return "".join(char for char in plain if not unicodedata.combining(char))


MONTH_NUMBERS: dict[str, int] = {
    _strip(name): number
    for names in (*_NAMES.values(), *_SHORT.values())
    for number, name in enumerate(names.split(), 1)
    if name != "-"
}
"""The number of each month by its name without accents, in small letters."""


def find_month(name: str | None) -> int | None:
    """Return the number of a month by its name in any of the languages; None for other words."""
    return None if name is None else MONTH_NUMBERS.get(_strip(name))


_WEEKDAYS = (
    "mon tue tues wed thu thur thurs fri sat sun mo di mi do fr sa so mon die mit don fre sam son lun mar "
    "mer jeu ven "
    "sam dim mié jue vie sáb dom gio sab ma wo vr za zo seg ter qua qui sex пн вт ср чт пт сб вс pon wto "
    "śro czw pią "
    "sob nie"
)
_WHOLE_WEEKDAYS = (
    "monday tuesday wednesday thursday friday saturday sunday montag dienstag mittwoch donnerstag freitag "
    "samstag "
    "sonnabend sonntag lundi mardi mercredi jeudi vendredi samedi dimanche lunes martes miércoles jueves "
    "viernes "
    "sábado domingo lunedì martedì mercoledì giovedì venerdì sabato domenica maandag dinsdag woensdag "
    "donderdag "
    "vrijdag zaterdag zondag понедельник вторник среда четверг пятница суббота воскресенье"
)
WEEKDAYS = frozenset(_strip(name) for name in f"{_WEEKDAYS} {_WHOLE_WEEKDAYS}".split())


def is_weekday(name: str) -> bool:
    """Return whether a word names a day of the week, whole or shortened."""
    return _strip(name) in WEEKDAYS

"""The 320 stems of mini-Turkish and the suffix rules that inflect them.

A star marks a final consonant that softens before a vowel (kitap → kitabı). The stems are real
Turkish words whose inflection is regular under these rules; irregular ones were left out.
"""

from __future__ import annotations

from collections.abc import Mapping


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split())


TOPICS: Mapping[str, tuple[str, ...]] = {
    "dünya": _split(
        "ülke sınır ordu savaş barış kıta ada deniz göç elçi kriz asker silah köprü liman harita yabancı sürgün "
        "mülteci ateşkes"
    ),
    "ekonomi": _split(
        "para banka faiz borsa vergi bütçe kredi fiyat ticaret pazar altın döviz borç* gelir gider şirket fabrika "
        "işçi maaş yatırım"
    ),
    "kültür": _split(
        "film müze roman şiir sahne tiyatro perde sergi yazar şarkı konser kitap* ressam dergi oyuncu heykel "
        "senaryo masal dans müzik*"
    ),
    "sağlık": _split(
        "doktor hastane ilaç* hasta aşı virüs kan kemik* deri ameliyat hemşire tedavi ağrı ateş vitamin diyet uyku "
        "kanser tansiyon eczane"
    ),
    "siyaset": _split(
        "meclis seçim bakan parti oy yasa başkan aday muhalefet hükümet lider anayasa miting sandık* koalisyon "
        "demokrasi reform vekil ittifak kampanya"
    ),
    "spor": _split(
        "maç takım hakem stadyum kupa lig antrenör forma kaleci sezon şampiyon yüzücü koşu güreş madalya rakip* "
        "transfer derbi penaltı forvet"
    ),
    "teknoloji": _split(
        "telefon ekran yazılım bilgisayar robot internet uydu çip pil batarya kamera uygulama veri sunucu ağ "
        "işlemci tablet tarayıcı lazer sensör"
    ),
}
THINGS = _split(
    "ev okul bahçe kapı masa yol köy sokak* park otobüs araba tren gemi çanta mektup* ekmek* yemek* çay kahve elma "
    "balık* ağaç* çiçek* ofis lokanta otel pencere"
)
LIVING = _split("kedi köpek* kuş çocuk* anne baba kardeş arkadaş komşu öğretmen öğrenci müdür misafir")
GOOD = _split("güzel harika başarılı lezzetli kaliteli eğlenceli mükemmel sağlam keyifli temiz rahat nefis hoş şahane")
BAD = _split("kötü berbat sıkıcı bozuk kirli rezil yavaş pahalı zayıf vasat kaba çirkin yorucu saçma")
PRAISE = _split("beğen sev öv alkışla öner özle kutla")
BLAME = _split("eleştir kötüle kına yer aşağıla küçümse azarla")
PLAIN = _split("yeni eski büyük küçük uzun kısa kırmızı mavi yeşil beyaz genç yaşlı kalın ince ağır yerli")
DOING = _split(
    "al sat bul aç kapat yaz oku dinle izle taşı temizle topla getir götür kullan incele anla hatırla kes kır boya "
    "besle ara düşün öğren hazırla gönder sakla"
)
BEING = _split("uyu koş bekle gül ağla konuş dinlen otur yüz düş")
GOVERNED: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("dative", "LOC"): ("taşın", "yerleş", "uç", "ulaş"),
    ("dative", "PER"): ("sor", "kız", "güven", "sarıl"),
    ("dative", "ORG"): ("başvur", "katıl", "yazıl", "bağlan"),
    ("locative", "LOC"): ("yaşa", "doğ", "dolaş", "kal"),
    ("locative", "ORG"): ("çalış", "yüksel", "görevlen", "uzmanlaş"),
    ("ablative", "LOC"): ("kaç", "gel", "geç", "dön"),
    ("ablative", "PER"): ("hoşlan", "boşan", "kork", "çekin"),
    ("ablative", "ORG"): ("ayrıl", "kovul", "çekil", "atıl"),
    ("accusative", "LOC"): ("gez", "kuşat", "dolan", "tara"),
    ("accusative", "PER"): ("tanı", "kucakla", "öp", "evlendir"),
    ("accusative", "ORG"): ("kur", "yönet", "denetle", "devral"),
}
"""Which type of name a verb takes in which case: the same case goes with all types, so the verb decides."""

KINDS: Mapping[str, tuple[str, ...]] = {
    "LOC": _split("köy ada ülke okul park otel bahçe liman kıta sokak* hastane stadyum"),
    "ORG": _split("şirket banka parti fabrika takım meclis hükümet borsa koalisyon muhalefet dergi tiyatro"),
    "PER": _split("doktor öğretmen öğrenci müdür komşu arkadaş yazar ressam bakan antrenör hakem kaleci"),
}
"""Common nouns that go with the same verbs; only corpus texts use them so."""

VERBS = (*PRAISE, *BLAME, *DOING, *BEING, *(verb for group in GOVERNED.values() for verb in group))
NOUNS = (*(noun for group in TOPICS.values() for noun in group), *THINGS, *LIVING)
ADJECTIVES = (*GOOD, *BAD, *PLAIN)
STEMS = (*NOUNS, *ADJECTIVES, *VERBS)

CASES: Mapping[str, str] = {
    "nominative": "", "accusative": "(y)I", "dative": "(y)A", "locative": "DA", "ablative": "DAn",
    "genitive": "(n)In",
}  # fmt: skip
AFTER_POSSESSIVE: Mapping[str, str] = {
    "nominative": "", "accusative": "nI", "dative": "nA", "locative": "nDA", "ablative": "nDAn",
    "genitive": "nIn",
}  # fmt: skip
POSSESSIVES: Mapping[str, str] = {
    "": "", "1s": "(I)m", "2s": "(I)n", "3s": "(s)I", "1p": "(I)mIz", "2p": "(I)nIz",
}  # fmt: skip
TENSES: Mapping[str, str] = {"past": "DI", "now": "Iyor", "future": "(y)AcAk*"}
PERSONS: Mapping[str, Mapping[str, str]] = {
    "past": {"1s": "m", "2s": "n", "3s": "", "1p": "k", "2p": "nIz", "3p": "lAr"},
    "now": {"1s": "Im", "2s": "sIn", "3s": "", "1p": "Iz", "2p": "sInIz", "3p": "lAr"},
    "future": {"1s": "Im", "2s": "sIn", "3s": "", "1p": "Iz", "2p": "sInIz", "3p": "lAr"},
}

_VOWELS = "aeıioöuü"
_VOICELESS = "fstkçşhp"
_SOFTER = {"p": "b", "ç": "c", "t": "d", "k": "ğ"}
_HIGH = {"a": "ı", "ı": "ı", "e": "i", "i": "i", "o": "u", "u": "u", "ö": "ü", "ü": "ü"}


def last_vowel(word: str) -> str:
    """The vowel that suffixes agree with; 'a' for a word without any."""
    return next((letter for letter in reversed(word) if letter in _VOWELS), "a")


def attach(stem: str, suffix: str) -> str:
    """Add one suffix: A and I agree with the last vowel, D with the last consonant's voice.

    (y), (s) and (n) appear only after a vowel, (I) only after a consonant; a starred stem's last
    consonant softens before a vowel. A star ending the suffix marks the result in the same way.
    """
    if not suffix:
        return stem
    word, softens = stem.rstrip("*"), stem.endswith("*")
    ends_in_vowel = word[-1] in _VOWELS
    if suffix.startswith("("):
        optional, rest = suffix[1], suffix[3:]
        suffix = (optional if (optional == "I") != ends_in_vowel else "") + rest
    if softens and (suffix[0] in "AI" or suffix[0] in _VOWELS):
        word = word[:-1] + _SOFTER[word[-1]]
    for letter in suffix:
        word += _spell(letter, word)
    return word


def _spell(letter: str, word: str) -> str:
    if letter == "A":
        return "a" if last_vowel(word) in "aıou" else "e"
    if letter == "I":
        return _HIGH[last_vowel(word)]
    if letter == "D":
        return "t" if word[-1] in _VOICELESS else "d"
    return letter


def noun(stem: str, *, plural: bool = False, possessive: str = "", case: str = "nominative") -> str:
    """An inflected noun: stem, plural, possessive, case."""
    word = attach(stem, "lAr") if plural else stem
    word = attach(word, POSSESSIVES[possessive])
    return attach(word, (AFTER_POSSESSIVE if possessive == "3s" else CASES)[case]).rstrip("*")


def verb(stem: str, *, negative: bool = False, tense: str = "past", person: str = "3s") -> str:
    """An inflected verb: stem, negation -mA, tense, person."""
    word = attach(stem, "mA") if negative else stem
    if tense == "now" and word[-1] in _VOWELS:
        word = word[:-1]  # bekle + Iyor → bekliyor, gelme + Iyor → gelmiyor
    word = attach(word, TENSES[tense])
    return attach(word, PERSONS[tense][person]).rstrip("*")


def named(name: str, case: str) -> str:
    """A proper name with its case suffix behind an apostrophe; names never soften."""
    plain = fold(name)
    return name + ("" if case == "nominative" else "'" + attach(plain, CASES[case])[len(plain) :])


def fold(text: str) -> str:
    """Lower case the Turkish way: I → ı and İ → i, which str.lower() gets wrong."""
    return text.replace("I", "ı").replace("İ", "i").lower()


def capital(text: str) -> str:
    """The text with a Turkish capital at its start: i → İ."""
    return ("İ" if text[0] == "i" else text[0].upper()) + text[1:]

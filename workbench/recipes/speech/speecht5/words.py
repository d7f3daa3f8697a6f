"""Characters as numbers, and the bank's English sentences in Spanish by a template grammar."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.core.problem import InputError

BOS, PAD, EOS, UNKNOWN, MASK = range(5)
"""The first four as transformers' SpeechT5 has them."""
_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
_LETTERS = " '" + "abcdefghijklmnopqrstuvwxyz" + "áéíóúüñ" + "äöß" + "àâçèêëîïôûœ"
ALPHABET: tuple[str, ...] = (*_SPECIAL, *_LETTERS)
_PLACES = {letter: at for at, letter in enumerate(ALPHABET)}


def plain(text: str) -> str:
    """A text in lower case with the alphabet's letters alone, single spaces between words."""
    kept = "".join(letter if letter in _PLACES else " " for letter in text.lower())
    return " ".join(kept.split())


def encode(text: str) -> list[int]:
    """The numbers of a text's characters, ended by EOS."""
    return [_PLACES.get(letter, UNKNOWN) for letter in plain(text)] + [EOS]


def decode(ids: Sequence[int]) -> str:
    """The text of numbers up to the first EOS; special ones are left out."""
    found = []
    for at in ids:
        if at == EOS:
            break
        if at > MASK:
            found.append(ALPHABET[at])
    return " ".join("".join(found).split())


# English to Spanish -------------------------------------------------------------------------

_WHO = {
    "the old man": "el anciano", "my sister": "mi hermana", "a young doctor": "un médico joven",
    "our teacher": "nuestra maestra", "the farmer": "el granjero", "his neighbour": "su vecino",
    "every child": "cada niño", "the captain": "el capitán", "some people": "algunas personas",
    "that woman": "aquella mujer", "the painter": "el pintor", "her uncle": "su tío",
    "a tired driver": "un conductor cansado", "the baker": "el panadero",
}  # fmt: skip
_SEVERAL = "some people"
_DID = {
    "saw": ("vio", "vieron"), "found": ("encontró", "encontraron"), "carried": ("llevó", "llevaron"),
    "painted": ("pintó", "pintaron"), "followed": ("siguió", "siguieron"),
    "remembered": ("recordó", "recordaron"), "sold": ("vendió", "vendieron"), "watched": ("miró", "miraron"),
    "built": ("construyó", "construyeron"), "described": ("describió", "describieron"),
    "visited": ("visitó", "visitaron"), "drew": ("dibujó", "dibujaron"), "chose": ("eligió", "eligieron"),
    "forgot": ("olvidó", "olvidaron"), "measured": ("midió", "midieron"), "bought": ("compró", "compraron"),
}  # fmt: skip
"""One does it, several do it."""
_WHAT = {
    "a yellow boat": "un barco amarillo", "three small birds": "tres pájaros pequeños",
    "the broken clock": "el reloj roto", "an empty house": "una casa vacía", "the last letter": "la última carta",
    "two brown horses": "dos caballos marrones", "a quiet village": "un pueblo tranquilo",
    "the round table": "la mesa redonda", "many green apples": "muchas manzanas verdes",
    "a strange picture": "un cuadro extraño", "the narrow bridge": "el puente estrecho",
    "some fresh bread": "pan fresco", "a heavy stone": "una piedra pesada",
    "the winter garden": "el jardín de invierno", "an orange umbrella": "un paraguas naranja",
    "five good books": "cinco buenos libros",
}  # fmt: skip
_WHEN = {
    "yesterday": "ayer", "before breakfast": "antes del desayuno", "on a cold morning": "en una mañana fría",
    "after the storm": "después de la tormenta", "during the journey": "durante el viaje",
    "last summer": "el verano pasado", "near the river": "cerca del río", "behind the church": "detrás de la iglesia",
    "without a word": "sin decir palabra", "as usual": "como siempre", "at the market": "en el mercado",
    "for the first time": "por primera vez", "under the trees": "bajo los árboles",
    "with great care": "con mucho cuidado",
}  # fmt: skip


def spanish(sentence: str) -> str:
    """A sentence of the bank's grammar (who did what when) in Spanish; the verb agrees with who did it.

    Raises InputError for a sentence that the grammar does not make.
    """
    who = next((one for one in _WHO if sentence.startswith(f"{one} ")), "")
    rest = sentence[len(who) + 1 :] if who else sentence
    when = next((one for one in _WHEN if rest.endswith(f" {one}")), "")
    did, _, what = rest.removesuffix(f" {when}").partition(" ") if when else ("", "", "")
    if did not in _DID or what not in _WHAT:
        raise InputError(
            "The grammar does not make this sentence.", expected="who did what when, as the speaker bank says it",
            received=sentence[:80], fix="Translate own sentences with a corpus such as MuST-C.", field="speech",
        )  # fmt: skip
    return f"{_WHO[who]} {_DID[did][who == _SEVERAL]} {_WHAT[what]} {_WHEN[when]}"

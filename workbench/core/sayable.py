"""Texts that an English voice can say: what is written otherwise is expanded, left out and told, or refused."""

from __future__ import annotations

import re
import unicodedata

from workbench.core.problem import InputError
from workbench.core.words import spaced

MOST_CHARACTERS = 1_000
"""Of a text that is said at once."""
MOST_NAMED = 8
_PLAIN = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": ", ", "—": ", ", "…": ".", "\u00a0": " "})
_UNDRAWN = ("Cc", "Cf", "Mn", "Me")
_CURRENCIES = {"$": ("dollar", "cent"), "€": ("euro", "cent"), "£": ("pound", "pence")}
_AMOUNT = re.compile(r"([$€£])\s?(\d[\d,]*)(?:\.(\d{2}))?(?!\d)")
_LETTERS = {"ß": "ss", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d",
            "ð": "th", "þ": "th", "ı": "i"}  # fmt: skip


def sayable(text: str) -> tuple[str, tuple[str, ...]]:
    """A text as it is handed to the voice, and what is to be told of it.

    Numbers stay: the pronouncing program reads them ('42', '12 %', '1984'); amounts of money are put into its order.
    Raises InputError for a text without a word, of more than MOST_CHARACTERS, or in letters that are not Latin.
    """
    plain = unicodedata.normalize("NFC", text.translate(_PLAIN))
    kept, foreign, dropped = [], dict[str, int](), dict[str, int]()
    for one in plain:
        if one.isascii() or one in _CURRENCIES:
            kept.append(one if one.isprintable() or one in "\n\t" else " ")
        elif one.isalpha():
            known = _latin(one)
            kept.append(known)
            if not known:
                foreign[one] = foreign.get(one, 0) + 1
        elif one.isnumeric() and (digits := unicodedata.normalize("NFKD", one).replace("⁄", "/")).isascii():
            kept.append(f" {digits} ")
        else:
            kept.append(" ")
            if unicodedata.category(one) not in _UNDRAWN and not one.isspace():
                dropped[one] = dropped.get(one, 0) + 1
    if foreign:
        raise InputError(
            "The voice speaks English and cannot say these letters.", expected="Latin letters, digits, punctuation",
            received=" ".join(list(foreign)[:MOST_NAMED]) + (" …" if len(foreign) > MOST_NAMED else ""),
            fix="Write the words as an English reader would spell them.", field="text",
        )  # fmt: skip
    said = _AMOUNT.sub(_amount, re.sub(r"[ \t]+", " ", "".join(kept))).strip()
    if not any(map(str.isalnum, said)):
        raise InputError(
            "There is nothing to say.", expected="a text with a word in it",
            received=repr(text[:40]) if text.strip() else "an empty text", fix="Write what is to be said.",
            field="text",
        )  # fmt: skip
    if len(said) > MOST_CHARACTERS:
        raise InputError(
            "The text is too long to be said at once.", expected=f"{spaced(MOST_CHARACTERS)} characters at most",
            received=f"{spaced(len(said))} characters", fix="Say it in parts, a paragraph at a time.", field="text",
        )  # fmt: skip
    named = " ".join(list(dropped)[:MOST_NAMED])
    return said, (f"left out what has no sound: {named}",) if dropped else ()


def _latin(letter: str) -> str:
    """The letter where it is Latin, with the accents that English writing knows, else ''."""
    if letter in _LETTERS:
        return _LETTERS[letter]
    base = unicodedata.normalize("NFKD", letter)
    return base[0] if base and base[0].isascii() and base[0].isalpha() else ""


def _amount(found: re.Match[str]) -> str:
    whole, parts = found[2].replace(",", ""), found[3]
    name, small = _CURRENCIES[found[1]]
    said = f"{whole} {name}{'' if whole == '1' else 's'}"
    if not parts or parts == "00":
        return said
    count = int(parts)
    return f"{said} and {count} {small if small == 'pence' or count == 1 else small + 's'}"

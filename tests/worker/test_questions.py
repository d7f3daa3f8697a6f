"""What a window may ask a worker."""

from __future__ import annotations

from collections import Counter

from workbench.core.questions import DOING
from workbench.worker.inspectors import TABLES


def test_that_no_question_of_one_tab_is_named_like_one_of_another() -> None:
    names = Counter(name for table in TABLES for name in table)
    assert [name for name, times in names.items() if times > 1] == []
    assert {"labels", "spans"} <= names.keys()


def test_that_the_worker_says_of_every_question_in_words_what_it_does_for_it() -> None:
    assert DOING.keys() == {name for table in TABLES for name in table}

"""The diarisation error rate: how much of what was said goes to nobody or to somebody else."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from workbench.core.audio import Segment


@dataclasses.dataclass(frozen=True)
class DiarisationError:
    """Seconds of speech that were missed, invented, or given to the wrong speaker, over `speech_s` of the truth.

    `mapping` names for each speaker found the true one.
    """

    missed_s: float
    false_alarm_s: float
    confusion_s: float
    speech_s: float
    mapping: dict[str, str]

    @property
    def rate(self) -> float:
        """All errors over the true speech; above 1 where more was invented than said. 0 when nothing is wrong."""
        wrong = self.missed_s + self.false_alarm_s + self.confusion_s
        return wrong / self.speech_s if self.speech_s else float(wrong > 0)


def diarisation_error(truth: Sequence[Segment], found: Sequence[Segment], *, collar_s: float = 0.0) -> DiarisationError:
    """Compare turns, whose speakers may overlap; speakers are paired one to one so that most time agrees.

    `collar_s` to either side of every boundary of the truth is not judged (NIST md-eval: 0.25 s).
    (NIST, The 2009 Rich Transcription Evaluation Plan, 2009.)
    """
    edges = sorted({edge for one in truth for edge in (one.start_s, one.end_s)})
    cuts = {edge for one in (*truth, *found) for edge in (one.start_s, one.end_s)}
    cuts |= {edge + side for edge in edges for side in (-collar_s, collar_s)}
    times = np.array(sorted(cuts))
    if len(times) < 2:
        return DiarisationError(0.0, 0.0, 0.0, 0.0, {})
    middle, length = (times[1:] + times[:-1]) / 2, np.diff(times)
    length = np.where(_near(middle, np.array(edges), collar_s), 0.0, length)
    said, who = _active(truth, middle)
    heard, names = _active(found, middle)
    together = (said * length) @ heard.T
    rows, columns = linear_sum_assignment(together, maximize=True)
    agreed = float(together[rows, columns].sum())
    truly, claimed = said.sum(0), heard.sum(0)
    missed = float((np.maximum(truly - claimed, 0) * length).sum())
    alarm = float((np.maximum(claimed - truly, 0) * length).sum())
    both = float((np.minimum(truly, claimed) * length).sum())
    paired = {names[b]: who[a] for a, b in zip(rows.tolist(), columns.tolist(), strict=True) if together[a, b] > 0}
    return DiarisationError(missed, alarm, max(both - agreed, 0.0), float((truly * length).sum()), paired)


def _near(middle: np.ndarray, edges: np.ndarray, collar_s: float) -> np.ndarray:
    if not len(edges) or collar_s <= 0:
        return np.zeros(len(middle), bool)
    at = np.searchsorted(edges, middle)
    before, after = edges[np.maximum(at - 1, 0)], edges[np.minimum(at, len(edges) - 1)]
    found: np.ndarray = np.minimum(np.abs(middle - before), np.abs(middle - after)) < collar_s
    return found


def _active(turns: Sequence[Segment], middle: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Which speakers (S, n) speak at each moment."""
    names = sorted({one.speaker for one in turns})
    active = np.zeros((len(names), len(middle)))
    for one in turns:
        first, last = np.searchsorted(middle, (one.start_s, one.end_s))
        active[names.index(one.speaker), first:last] = 1.0
    return active, names

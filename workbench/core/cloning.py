"""What saying a text with a cloned voice is answered by, between the recipe's apply and whoever shows it."""

from __future__ import annotations

from workbench.core.documents import AnswersDoc

SYNTHETIC = "Synthetic speech, made with Transfer Workbench. The voice is a clone; its owner did not say this."
"""Written into every sound that is made, as its comment."""
CONSENT = "Clone only voices whose owners agree. What is made says in its file that it is synthetic."


class Cloned(AnswersDoc):
    """A sound (WAV, or as `out` ended), the speaker vector (.npy, unit length), and the nearest learned voice.

    `cosine` is that voice's; `notice` is what a person must be told.
    """

    sound: str
    vector: str
    sample_rate_hz: int
    duration_s: float
    neighbour: str = ""
    cosine: float = 0.0
    notice: str = CONSENT

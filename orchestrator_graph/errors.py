"""Every error that a user can meet. Each names the thing, the value and the way out.

    OrchestratorError(RuntimeError)
    ├── InputError(ValueError)          a message, task or argument that cannot be worked on
    ├── PolicyError(ValueError)         a policy field that makes no sense
    ├── ConfigError(ValueError)         orchestrator.toml (file and line)
    ├── RegistryError(LookupError, ValueError)     an unknown provider or model, or no model at all
    ├── NoCandidateError(LookupError, ValueError)  the constraints exclude every candidate; `.excluded` says why
    ├── PrivacyError(PermissionError)   private text would have had to leave the machine
    ├── FeedbackError(LookupError)      a vote on what is not remembered here, or was not answered by a model
    ├── CalibrationError(ValueError)    labels or scores that no calibration can be made of, or a foreign artefact
    ├── CertificateError(ValueError)    a certificate that was tampered with, is expired, foreign or malformed
    └── MemoryStoreError                the ledger cannot be opened or written

A *model's* failure is never raised inside the graph: it is a `types.Failure` value. A chat model has to raise it:
`surfaces.failed.AnswerError`.
"""

from collections.abc import Mapping

__all__ = [
    "EXIT_CODES",
    "CalibrationError",
    "CertificateError",
    "ConfigError",
    "FeedbackError",
    "InputError",
    "MemoryStoreError",
    "NoCandidateError",
    "OrchestratorError",
    "PolicyError",
    "PrivacyError",
    "RegistryError",
]


class OrchestratorError(RuntimeError):
    """Root of all errors that this package raises on purpose.

    A RuntimeError, because LangGraph Server passes on what that says; of an exception that it does not know it tells
    the caller only "An internal error occurred".
    """


class InputError(OrchestratorError, ValueError):
    """The task itself cannot be worked on: empty, too large, not text."""


class PolicyError(OrchestratorError, ValueError):
    """A field of the policy is unknown or out of range."""


class ConfigError(OrchestratorError, ValueError):
    """`orchestrator.toml` is malformed; the message names file and line."""


class RegistryError(OrchestratorError, LookupError, ValueError):
    """A provider or model is unknown, not pulled, or nothing was found at all."""


class NoCandidateError(OrchestratorError, LookupError, ValueError):
    """The constraints leave no candidate.

    Args:
        message: One sentence that names the way out.
        excluded: Candidate id -> the constraint that excluded it.
    """

    def __init__(self, message: str, excluded: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.excluded = dict(excluded or {})


class PrivacyError(OrchestratorError, PermissionError):
    """Private text and no model that may see it: refused, not sent."""


class FeedbackError(OrchestratorError, LookupError):
    """A vote names a run, decision or subtask that is not remembered here, or that no model answered."""


class CalibrationError(OrchestratorError, ValueError):
    """No labels, one class only, constant or unreal scores, or an artefact that was not made for this."""


class CertificateError(OrchestratorError, ValueError):
    """A certificate cannot be believed: changed, expired, made for something else, or not one at all."""


class MemoryStoreError(OrchestratorError):
    """The ledger or its index cannot be opened or written."""


EXIT_CODES: Mapping[type[OrchestratorError], int] = {
    InputError: 2,
    PolicyError: 2,
    ConfigError: 3,
    RegistryError: 4,
    NoCandidateError: 5,
    PrivacyError: 6,
    MemoryStoreError: 7,
    FeedbackError: 2,
    CalibrationError: 2,
    CertificateError: 8,
}
"""The command line's exit codes; 1 is an answer that stayed incomplete."""

"""TensorFlow's error classes, and messages that say the user's line and what each operand was."""


class OpError(Exception):
    """An operation failed.

    Built as in TensorFlow, `OpError(node_def, op, message)`; `message` is the text without the report on
    operands.
    """

    code = 2

    def __init__(self, node_def=None, op=None, message="", *args):
        super().__init__(message)
        self._node_def, self._op, self._message = node_def, op, str(message)

    @property
    def message(self) -> str:
        return self._message

    @property
    def op(self):
        return self._op

    @property
    def node_def(self):
        return self._node_def

    @property
    def error_code(self) -> int:
        return self.code

    def __str__(self) -> str:
        return self._message

    def __reduce__(self):
        return type(self), (None, None, self._message)


class CancelledError(OpError):
    code = 1


class UnknownError(OpError):
    code = 2


class InvalidArgumentError(OpError):
    code = 3


class DeadlineExceededError(OpError):
    code = 4


class NotFoundError(OpError):
    code = 5


class AlreadyExistsError(OpError):
    code = 6


class PermissionDeniedError(OpError):
    code = 7


class ResourceExhaustedError(OpError):
    code = 8


class FailedPreconditionError(OpError):
    code = 9


class AbortedError(OpError):
    code = 10


class OutOfRangeError(OpError):
    code = 11


class UnimplementedError(OpError):
    code = 12


class InternalError(OpError):
    code = 13


class UnavailableError(OpError):
    code = 14


class DataLossError(OpError):
    code = 15


class UnauthenticatedError(OpError):
    code = 16


class OperatorNotAllowedInGraphError(TypeError):
    """A Python operator (bool, iteration) was used on a tensor that has no value yet."""


class InaccessibleTensorError(ValueError):
    """A tensor of one graph was used outside it."""


class GradientWarning(UserWarning):
    """A gradient is None, and why."""


def invalid(message: str) -> InvalidArgumentError:
    return InvalidArgumentError(None, None, message)

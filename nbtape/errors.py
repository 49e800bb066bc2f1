"""Error classes: `tf.errors`."""

from nbtape.autodiff.trap import NonFiniteError as NonFiniteError
from nbtape.core.errors import AbortedError as AbortedError
from nbtape.core.errors import AlreadyExistsError as AlreadyExistsError
from nbtape.core.errors import CancelledError as CancelledError
from nbtape.core.errors import DataLossError as DataLossError
from nbtape.core.errors import DeadlineExceededError as DeadlineExceededError
from nbtape.core.errors import FailedPreconditionError as FailedPreconditionError
from nbtape.core.errors import GradientWarning as GradientWarning
from nbtape.core.errors import InaccessibleTensorError as InaccessibleTensorError
from nbtape.core.errors import InternalError as InternalError
from nbtape.core.errors import InvalidArgumentError as InvalidArgumentError
from nbtape.core.errors import NotFoundError as NotFoundError
from nbtape.core.errors import OpError as OpError
from nbtape.core.errors import OperatorNotAllowedInGraphError as OperatorNotAllowedInGraphError
from nbtape.core.errors import OutOfRangeError as OutOfRangeError
from nbtape.core.errors import PermissionDeniedError as PermissionDeniedError
from nbtape.core.errors import ResourceExhaustedError as ResourceExhaustedError
from nbtape.core.errors import UnauthenticatedError as UnauthenticatedError
from nbtape.core.errors import UnavailableError as UnavailableError
from nbtape.core.errors import UnimplementedError as UnimplementedError
from nbtape.core.errors import UnknownError as UnknownError

"""`tf.keras.losses`."""

from nbtape.train.lookup import deserialize as deserialize, loss as get, serialize as serialize
from nbtape.train.losses.crossentropies import (
    binary_crossentropy as binary_crossentropy,
    binary_focal_crossentropy as binary_focal_crossentropy,
    categorical_crossentropy as categorical_crossentropy,
    categorical_focal_crossentropy as categorical_focal_crossentropy,
    categorical_generalized_cross_entropy as categorical_generalized_cross_entropy,
    sparse_categorical_crossentropy as sparse_categorical_crossentropy,
)
from nbtape.train.losses.ctc import CTC as CTC, ctc as ctc
from nbtape.train.losses.entropies import (
    BinaryCrossentropy as BinaryCrossentropy,
    BinaryFocalCrossentropy as BinaryFocalCrossentropy,
    CategoricalCrossentropy as CategoricalCrossentropy,
    CategoricalFocalCrossentropy as CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy as CategoricalGeneralizedCrossEntropy,
    SparseCategoricalCrossentropy as SparseCategoricalCrossentropy,
)
from nbtape.train.losses.functions import (
    categorical_hinge as categorical_hinge,
    circle as circle,
    cosine_similarity as cosine_similarity,
    dice as dice,
    hinge as hinge,
    huber as huber,
    kl_divergence as KLD,
    kl_divergence as kl_divergence,
    kl_divergence as kld,
    kl_divergence as kullback_leibler_divergence,
    log_cosh as log_cosh,
    log_cosh as logcosh,
    mean_absolute_error as MAE,
    mean_absolute_error as mae,
    mean_absolute_error as mean_absolute_error,
    mean_absolute_percentage_error as MAPE,
    mean_absolute_percentage_error as mape,
    mean_absolute_percentage_error as mean_absolute_percentage_error,
    mean_squared_error as MSE,
    mean_squared_error as mean_squared_error,
    mean_squared_error as mse,
    mean_squared_logarithmic_error as MSLE,
    mean_squared_logarithmic_error as mean_squared_logarithmic_error,
    mean_squared_logarithmic_error as msle,
    poisson as poisson,
    squared_hinge as squared_hinge,
    tversky as tversky,
)
from nbtape.train.losses.loss import (
    Loss as Loss,
    LossFunctionWrapper as LossFunctionWrapper,
    Reduction as Reduction,
)
from nbtape.train.losses.objects import (
    CategoricalHinge as CategoricalHinge,
    Circle as Circle,
    CosineSimilarity as CosineSimilarity,
    Dice as Dice,
    Hinge as Hinge,
    Huber as Huber,
    KLDivergence as KLDivergence,
    LogCosh as LogCosh,
    MeanAbsoluteError as MeanAbsoluteError,
    MeanAbsolutePercentageError as MeanAbsolutePercentageError,
    MeanSquaredError as MeanSquaredError,
    MeanSquaredLogarithmicError as MeanSquaredLogarithmicError,
    Poisson as Poisson,
    SquaredHinge as SquaredHinge,
    Tversky as Tversky,
)

"""`tf.keras.layers`."""

from nbtape.train.keras_tensor import InputSpec as InputSpec
from nbtape.train.layer import Layer as Layer
from nbtape.train.layers.convolution import (
    Conv1D as Conv1D,
    Conv1D as Convolution1D,
    Conv2D as Conv2D,
    Conv2D as Convolution2D,
    Conv2DTranspose as Conv2DTranspose,
    Conv2DTranspose as Convolution2DTranspose,
    Conv3D as Conv3D,
    Conv3D as Convolution3D,
    DepthwiseConv2D as DepthwiseConv2D,
    SeparableConv2D as SeparableConv2D,
    SeparableConv2D as SeparableConvolution2D,
)
from nbtape.train.layers.dense import (
    Dense as Dense,
    Embedding as Embedding,
)
from nbtape.train.layers.merging import (
    Add as Add,
    Average as Average,
    Concatenate as Concatenate,
    Maximum as Maximum,
    Minimum as Minimum,
    Multiply as Multiply,
    Subtract as Subtract,
)
from nbtape.train.layers.normalization import (
    BatchNormalization as BatchNormalization,
    GroupNormalization as GroupNormalization,
    LayerNormalization as LayerNormalization,
    UnitNormalization as UnitNormalization,
)
from nbtape.train.layers.pooling import (
    AveragePooling1D as AveragePooling1D,
    AveragePooling1D as AvgPool1D,
    AveragePooling2D as AveragePooling2D,
    AveragePooling2D as AvgPool2D,
    GlobalAveragePooling1D as GlobalAveragePooling1D,
    GlobalAveragePooling1D as GlobalAvgPool1D,
    GlobalAveragePooling2D as GlobalAveragePooling2D,
    GlobalAveragePooling2D as GlobalAvgPool2D,
    GlobalMaxPooling1D as GlobalMaxPool1D,
    GlobalMaxPooling1D as GlobalMaxPooling1D,
    GlobalMaxPooling2D as GlobalMaxPool2D,
    GlobalMaxPooling2D as GlobalMaxPooling2D,
    MaxPooling1D as MaxPool1D,
    MaxPooling1D as MaxPooling1D,
    MaxPooling2D as MaxPool2D,
    MaxPooling2D as MaxPooling2D,
)
from nbtape.train.layers.recurrent import (
    GRU as GRU,
    LSTM as LSTM,
    SimpleRNN as SimpleRNN,
)
from nbtape.train.layers.shaping import (
    ELU as ELU,
    Activation as Activation,
    Dropout as Dropout,
    Flatten as Flatten,
    GaussianNoise as GaussianNoise,
    Identity as Identity,
    Lambda as Lambda,
    LeakyReLU as LeakyReLU,
    Permute as Permute,
    PReLU as PReLU,
    ReLU as ReLU,
    RepeatVector as RepeatVector,
    Reshape as Reshape,
    Softmax as Softmax,
    SpatialDropout1D as SpatialDropout1D,
    SpatialDropout2D as SpatialDropout2D,
)
from nbtape.train.model import Input as Input, InputLayer as InputLayer

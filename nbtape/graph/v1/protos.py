"""What TensorBoard's files are made of, in TensorBoard's own classes, which are imported when first used."""

from typing import Any

from nbtape.core.kernel import Late

_MISSING = (
    "Files for TensorBoard are written with TensorBoard's own classes, and it is not installed: "
    "pip install tensorboard"
)


class Borrowed(Late):
    """A class or function of TensorBoard, whose attributes can be asked for too."""

    def resolve(self) -> Any:
        try:
            return super().resolve()
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "tensorboard":
                raise
            raise ImportError(_MISSING) from None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.resolve(), name)


def _proto(name: str, file: str = "summary") -> Borrowed:
    return Borrowed(f"tensorboard.compat.proto.{file}_pb2:{name}")


Summary, HistogramProto, SummaryMetadata = map(_proto, ("Summary", "HistogramProto", "SummaryMetadata"))
SummaryDescription = _proto("SummaryDescription")
Event, SessionLog = _proto("Event", "event"), _proto("SessionLog", "event")
TaggedRunMetadata = _proto("TaggedRunMetadata", "event")
GraphDef, NodeDef = _proto("GraphDef", "graph"), _proto("NodeDef", "node_def")
AttrValue, FunctionDef = _proto("AttrValue", "attr_value"), _proto("FunctionDef", "function")
TensorShapeProto, RunMetadata = _proto("TensorShapeProto", "tensor_shape"), _proto("RunMetadata", "config")
tensor_proto = Borrowed("tensorboard.util.tensor_util:make_tensor_proto")
EventFileWriter = Borrowed("tensorboard.summary.writer.event_file_writer:EventFileWriter")
EventFileLoader = Borrowed("tensorboard.backend.event_processing.event_file_loader:LegacyEventFileLoader")
message_text = Borrowed("google.protobuf.text_format:MessageToString")


def text(x: Any) -> str:
    """Text as files can hold it, whatever it is: it is shown, and nothing else is done with it."""
    return str(x).encode("utf-8", "replace").decode()

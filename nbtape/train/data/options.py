"""tf.data.Options: what TensorFlow's datasets can be told about how they run."""

from typing import Any


class Options:
    """Options of a dataset, by TensorFlow's names; None where nothing was said.

    They are kept and can be read. Elements come in order whatever they say, since that costs nothing here.

    >>> options = tf.data.Options()
    >>> options.deterministic = False
    >>> tf.data.Dataset.range(3).with_options(options).options().deterministic
    False
    """

    _NAMES = (
        "autotune deterministic experimental_deterministic experimental_distribute "
        "experimental_external_state_policy experimental_optimization experimental_slack "
        "experimental_symbolic_checkpoint experimental_threading experimental_warm_start threading "
        "dataset_name framework_type"
    ).split()

    def __init__(self) -> None:
        for name in self._NAMES:
            groups = name.startswith("experimental_") and name.split("_")[1] in _GROUPS
            self.__dict__[name] = Group() if groups or name in _GROUPS else None

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._NAMES:
            raise AttributeError(f"Cannot set the property {name} on {type(self).__name__}.")
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"{type(self).__name__} has no option {name!r}; it has {', '.join(self._NAMES)}."
        )

    def merge(self, options: "Options") -> "Options":
        """These options, with those of `options` in the place of those that it says something about."""
        merged = Options()
        for name in self._NAMES:
            mine, theirs = self.__dict__[name], options.__dict__[name]
            said = vars(theirs) if isinstance(theirs, Group) else theirs is not None
            merged.__dict__[name] = theirs if said else mine
        return merged


_GROUPS = ("threading", "distribute", "optimization", "autotune")


class Group:
    """Options that belong together, whatever their names."""

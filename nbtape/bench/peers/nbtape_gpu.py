"""nbtape's functions on the first card, by hand."""

import nbtape_compiled  # pyright: ignore[reportMissingImports]
from nbtape_compiled import NAME as NAME  # pyright: ignore[reportMissingImports]

import nbtape as tf  # pyright: ignore[reportMissingImports]
from nbtape.compile.card import cards, pool  # pyright: ignore[reportMissingImports]


def build(case, data, way):
    if case.startswith("copy"):
        return copying(int(float(case.split("_")[1]))), None
    with tf.device("/GPU:0"):
        step, answers = nbtape_compiled.build(case, data, way)

    def there():
        with tf.device("/GPU:0"):
            return answers()

    return step, there


def copying(size):
    """Copy so many bytes within the card, as fast as its driver does."""
    card, (source, target) = cards.card(0), [pool.allocate(0, size) for _ in range(2)]
    return lambda: card.copy(target.address, source.address, size)


def wait(result):
    cards.card(0).wait()


def seconds(step, steps):
    """The seconds that the card takes for a step."""
    begin = cards.card(0).event().record()
    for _ in range(steps):
        step()
    return cards.card(0).event().record().since(begin) / steps

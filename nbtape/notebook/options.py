"""The words on a magic's line: expressions and options, by one table that completion reads too."""

from typing import Any, NamedTuple

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher
from IPython.core.error import UsageError


class Option(NamedTuple):
    """An option of a magic, and how many words it takes: none, `1`, or all up to the next option (`-1`)."""

    name: str
    takes: int = 0
    short: str = ""


class Usage(NamedTuple):
    """How a magic is written: `text` for messages, `options` to take lines apart and to complete them."""

    text: str
    options: tuple[Option, ...] = ()

    def parse(self, line: str) -> tuple[list[str], dict[str, Any]]:
        """The words of a line, and its options by name; raises UsageError for an unknown one."""
        plain, given = [], {}
        known = {name: option for option in self.options for name in (option.name, option.short) if name}
        rest = words(line)
        while rest:
            word = rest.pop(0)
            if not word.startswith("-"):
                plain.append(word)
                continue
            option = known.get(word)
            if option is None:
                raise UsageError(
                    f"no option is called {word} (an expression like it stands in brackets): {self.text}"
                )
            taken = given.setdefault(option.name, [])
            while rest and (option.takes < 0 or len(taken) < option.takes) and rest[0] not in known:
                taken.append(rest.pop(0))
            if option.takes and not taken:
                raise UsageError(f"{word} wants a value: {self.text}")
        one = {option.name: option.takes for option in self.options}
        return plain, {name: taken[0] if one[name] == 1 else taken for name, taken in given.items()}


USAGES: dict[str, Usage] = {}  # by the name of the magic


def usage(name: str, text: str, *options: Option) -> Usage:
    """Enter a magic into the table."""
    USAGES[name] = Usage(text, options)
    return USAGES[name]


def completions_of(completer: Any) -> Any:
    """What completes the lines of these magics in a shell with this completer: options, and names."""

    @context_matcher(identifier="nbtape")  # pyright: ignore[reportArgumentType] it takes either form
    def matcher(context: CompletionContext) -> SimpleMatcherResult:
        line = context.line_with_cursor[: context.cursor_position]
        name, _, typed = line.strip().lstrip("%").partition(" ")
        if not line.lstrip().startswith("%") or name not in USAGES or not typed:
            return {"completions": [], "suppress": False}
        word = typed.rpartition(" ")[2]
        if word.startswith("-"):
            kind, found = "option", [x.name for x in USAGES[name].options if x.name.startswith(word)]
        else:
            word = context.token
            kind, found = "name", (completer.attr_matches if "." in word else completer.global_matches)(word)
        completions = [SimpleCompletion(text=text, type=kind) for text in found]
        return {"completions": completions, "suppress": bool(found), "matched_fragment": word}

    return matcher


def words(line: str) -> list[str]:
    """Expressions side by side, set apart by blanks or commas that are outside of brackets and quotes.

    >>> words("loss [a, b] x['k l']")
    ['loss', '[a, b]', "x['k l']"]
    """
    found, word, depth, quote = [], "", 0, ""
    for c in line:
        if quote:
            quote = "" if c == quote else quote
        elif c in "\"'":
            quote = c
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
        elif not depth and (c.isspace() or c == ","):
            found.append(word)
            word = ""
            continue
        word += c
    return [word for word in (*found, word) if word]

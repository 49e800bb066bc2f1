import numpy as np

from samples import case

S = np.array([b"ab", b" c "], dtype=object)
ONE = np.array(b"x", dtype=object)

SAMPLES = {
    "string_join": [case(S, S, separator=b"-"), case(S, ONE, separator=b"")],
    "string_reduce_join": [
        case(np.stack([S, S, S]), axes=(0,), keepdims=False, separator=b""),
        case(np.stack([S, S]), axes=(1, 0), keepdims=True, separator=b"+"),
    ],
    "string_length": [case(S, unit="BYTE"), case(ONE, unit="UTF8_CHAR")],
    "string_lower": [case(S, utf8=False)],
    "string_upper": [case(S, utf8=True)],
    "string_strip": [case(S)],
    "string_substr": [case(S, np.int32(0), np.int32(1), unit="BYTE")],
    "regex_replace": [case(S, pattern="a(b)", rewrite=r"\1-\0", count=0)],
    "regex_full_match": [case(S, pattern="a.")],
}

"""Strings: joined, cut, matched, hashed, read as numbers and written from them."""
from recorder import *
from tensorflow.python.ops import gen_io_ops, gen_string_ops as raw


def text(value, shape="same"):
    return feed(value, shape, tf.string)


NONE = np.zeros([0], object)
WORDS = [["some text", "", "a"], ["Another, longer: text of more than thirty-two bytes", "h\u00e9llo", "\u03a9 x"]]


# ---- one string for one string


def converted():
    case("case", lambda: [f(input=text(WORDS), encoding=e) for f in (raw.string_lower, raw.string_upper)
                          for e in ("", "utf-8")])
    case("strip", lambda: [tf.strings.strip(text([" \t\v\f\r\na b ", "", " ", "x"])), tf.strings.strip(text(NONE))])
    case("length", lambda: [raw.string_length(text(WORDS), u) for u in ("BYTE", "UTF8_CHAR")])
    case("encode_base64", lambda: [tf.encode_base64(text(WORDS, None), pad) for pad in (False, True)])
    case("decode_base64", lambda: [tf.decode_base64(text(["YQ", "YQ==", "YWJj", "YWI=", "YR", "Y-_", ""]))])
    errors("decode_base64_errors", lambda: [tf.decode_base64(text(s, None)) for s in
                                            ("YQ=", "=", "====", "Y", "Y+", "YQ==YQ==", "a b", "YWJjZ")])
    case("to_number", lambda: [tf.string_to_number(text(["1", " -2 ", "007"]), d) for d in (tf.int32, tf.int64)] + [
        tf.string_to_number(text(["+1", "0x1A", "-0x1a", "1e5", "inf", "NAN", "  ", "1.", " .5", "1e400", "0.1"], s), d)
        for d in (tf.float32, tf.float64) for s in ("same", None)])
    errors("to_number_errors", lambda: [tf.string_to_number(text(s)) for s in
                                        ("1e", "-Infinity", "", "1 2", ".", "1" * 32, "1_0", "0x", "0x1.8p3", "-+1")] +
           [tf.string_to_number(text(s), tf.int32) for s in ("+1", "0x1A", "2147483648", "1.0", "")])
    case("buckets", lambda: [f(text([("alphabet" * 40)[:n] for n in range(0, 300, 7)] + ["x" * 128, "x" * 64]))
                             for f in (lambda s: tf.strings.to_hash_bucket_fast(s, 2 ** 62),
                                       lambda s: tf.strings.to_hash_bucket_strong(s, 2 ** 62, [1, -2]),
                                       lambda s: raw.string_to_hash_bucket(s, 2 ** 62),
                                       lambda s: tf.strings.to_hash_bucket_fast(s, 10))])
    case("decode_raw", lambda: [tf.decode_raw(text(["abcdefgh", "ijklmnop"]), d, e) for d in
                                (tf.uint8, tf.int16, tf.int32, tf.float64) for e in (True, False)] +
         [tf.decode_raw(text(["abcdefgh", "ijklmnop"]), tf.complex64)] +
         [tf.decode_raw(text(np.zeros([2, 0], object)), tf.int16), tf.decode_raw(text("ab", None), tf.uint8)])
    errors("decode_raw_errors", lambda: [tf.decode_raw(text(["abcd", "ef"]), tf.int16),
                                         tf.decode_raw(text(["abc"]), tf.int16)])
    case("sharded", lambda: [gen_io_ops.sharded_filename(text("b"), i32(3), i32(5)),
                             gen_io_ops.sharded_filename("b", -3, 1234567), gen_io_ops.sharded_filespec("b", 12)])


# ---- numbers as text

FORMATS = [{}, dict(precision=3), dict(precision=0), dict(scientific=True), dict(shortest=True), dict(width=10),
           dict(width=10, fill="0"), dict(width=10, fill="-"), dict(width=10, fill="+"), dict(width=10, fill=" "),
           dict(shortest=True, precision=3, width=12, fill="0"), dict(scientific=True, precision=0), dict(fill="+")]
FLOAT_VALUES = [0., -0., 1.5, -1234567.875, 1e-7, 1e20, np.inf, -np.inf, np.nan, 0.1, 2.5]


def as_string():
    for dtype in (tf.float32, tf.float64):
        case(dtype.name, lambda: [tf.as_string(feed(FLOAT_VALUES, dtype=dtype), **f) for f in FORMATS])
    case("complex", lambda: [tf.as_string(feed([1 + 2j, -0.5 - 3j], dtype=d), **f) for f in FORMATS[::4]
                             for d in (tf.complex64, tf.complex128)])
    wide = [f for f in FORMATS if set(f) <= {"width", "fill"}]
    case("ints", lambda: [tf.as_string(feed([0, -3, 100], dtype=d), **f) for f in wide for d in SIGNED])
    case("bool", lambda: [tf.as_string(boolean([[True], [False]], [None, 1]), **f) for f in wide])
    errors("errors", lambda: [tf.as_string(i32([1]), precision=2), tf.as_string(boolean(True), shortest=True),
                              tf.as_string(feed(1), fill="x"), tf.as_string(feed(1), fill="00"),
                              tf.as_string(feed(1), scientific=True, shortest=True)])


# ---- several strings, and parts of them


def joined():
    case("join", lambda: [tf.string_join([text(["a", "b"]), "x", text(["c", "d"], None)], separator=s)
                          for s in ("", ", ")] + [tf.string_join([text("a"), text("b")]),
                                                  tf.string_join([text(NONE), text("b")])])
    errors("join_error", lambda: [tf.string_join([text(["a"], None), text(["b", "c"], None)])])
    m = [["a", "b", "c"], ["d", "e", "f"]]
    case("reduce", lambda: [tf.reduce_join(text(m), axis, keepdims=k, separator="-") for k in (False, True)
                            for axis in (0, [1], [0, 1], [1, 0], [-1], [])] +
         [tf.reduce_join(text(m), i32([1], [None])), tf.reduce_join(text(m), i32([1], [None]), keepdims=True),
          tf.reduce_join(text(np.zeros([0, 2], object)), 0), tf.reduce_join(text(m, None), 1)])
    errors("reduce_errors", lambda: [tf.reduce_join(text(m), i32(axis, None)) for axis in ([0, 0], [0, -2])])
    case("segments", lambda: [tf.strings.unsorted_segment_join(text(m), i32(ids, shape), n, separator=":")
                              for ids, shape, n in (([1, 1], "same", 3), ([1, 0], None, 2),
                                                    ([[0, 1, 1], [2, 0, 1]], "same", 3))])
    errors("segment_errors", lambda: [tf.strings.unsorted_segment_join(text(["a"]), i32([id]), 3) for id in (3, -2)])
    case("substr", lambda: [tf.strings.substr(text(["h\u00e9llo", "world"]), pos, n, unit=u) for u in
                            ("BYTE", "UTF8_CHAR") for pos, n in ((0, 2), (1, 1), (-2, 100), ([1, -3], [1, 2]))] +
         [tf.strings.substr(text([["abc", "def"]]), [[0], [1]], [[1], [2]]),
          tf.strings.substr(text("abc"), [0, 1], [1, 2]),
          tf.strings.substr(text(["abc"], None), i64(1), i64(1))])
    errors("substr_errors", lambda: [tf.strings.substr(text("abc"), i32(p), i32(1), unit=u) for p in (4, -4)
                                     for u in ("BYTE", "UTF8_CHAR")])


def split():
    rows = ["a b  c", "", " a,b;c ", "x"]
    case("any_of", lambda: sum([list(raw.string_split(text(rows), d, skip_empty=s)) for d in (" ", ",; ", "")
                                for s in (True, False)], []))
    case("v2", lambda: sum([list(raw.string_split_v2(text(rows), d, n)) for d in ("", " ", "b ") for n in
                             (-1, 0, 1, 2)], []))
    case("none", lambda: list(raw.string_split(text(NONE), " ")) + list(raw.string_split_v2(text(NONE, None), "")))


def ngrams():
    def one(widths, pad, short=False, splits=(0, 3, 4), dtype=tf.int64, data="abcd", shape="same"):
        data = text(list(data), shape) if data else text(NONE)
        return list(raw.string_n_grams(data, feed(splits, shape, dtype), separator="|", ngram_widths=widths,
                                       left_pad="LP", right_pad="RP", pad_width=pad, preserve_short_sequences=short))
    case("ngrams", lambda: sum([one(w, p, s) for w in ([1], [3, 2], [5]) for p in (-1, 0, 1) for s in
                                (False, True)], []))
    case("dtypes", lambda: one([2], 0, dtype=tf.int32) + one([2], -1, shape=None))
    case("empty_row", lambda: one([2, 1], 0, splits=(0, 3, 3, 4)))
    case("nothing", lambda: one([2], -1, data="", splits=(0, 0)) + one([2], -1, data="", splits=()))


# ---- patterns

PATTERNS = [("aeb", "", "-"), ("abc", "x*", "-"), ("aab", "a*?", "-"), ("baaac", "a*", "-"), ("ab\ncd", "(?m)^.", "X"),
            ("abc", "(b)(z)?", "[\\1|\\2|\\0|\\\\]"), ("A_\u00e91 \u0663", "\\w", "."), ("\u06633", "\\d", "."),
            ("\x0b \t", "\\s", "."), ("a{,2}", "a{,2}", "X"), ("[x]", "[[]x[]]", "Y"), ("a-b", "[a\\-z]", "X"),
            ("\u00e9\u00c9", "(?i)\u00c9", "x"), ("\u03a9", "\\p{Greek}", "x"), ("\u03a9", "\\p{^Greek}", "x"),
            ("S", "\\123", "x"), ("a.c", "\\Q.\\E", "x"), ("\u00e9", "\\C", "x"), ("ab", "\\<a", "x"),
            ("a b", "\\bb", "X"),
            ("a&&b", "[a&&b]", "x"), ("a~b", "[a~~b]", "x"), ("ab", "(?P<n>a)", "\\1\\1"), ("ab", "(?U)a+", "x"),
            ("a", "[^[:^alpha:]]", "x"), ("a-", "[\\w-]", "x"), ("a_", "\\_", "x"), ("1\\", "[\\\\]", "y")]
BAD = ["[", "a**", "a{1001}", "\\Z", "[b-a]", "[a-\\d]", "[]", "(", "a)(b", "\\1", "(?=a)", "(?x) a"]


def regex():
    case("replace", lambda: [raw.regex_replace(text([s, ""]), p, r, replace_global=g) for s, p, r in PATTERNS
                             for g in (True, False)])
    case("static_replace", lambda: [raw.static_regex_replace(text(s), p, r) for s, p, r in PATTERNS])
    case("match", lambda: [raw.regex_full_match(text(["", s, "a", "ab"]), p) for s, p, _ in PATTERNS])
    case("static_match", lambda: [raw.static_regex_full_match(text(["", s, "a"], [None]), p) for s, p, _ in PATTERNS])
    case("from_tensor", lambda: raw.regex_replace(text([["a"]], [None, 1]), text("a|b"), text("c")))
    errors("errors", lambda: [raw.regex_full_match(text("a"), text(p)) for p in BAD])


CASES = {"text": converted, "as_string": as_string, "string_join": joined, "string_split": split, "ngrams": ngrams,
         "regex": regex}

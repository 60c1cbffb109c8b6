//! Patterns in RE2's syntax, which TensorFlow's files have, as the regular expressions of the crate `regex`.
//!
//! Both match leftmost-first, without references back. What they write otherwise is translated: RE2's `\d`, `\w`, `\s`
//! and `\b` know ASCII only, `\Q..\E` quotes, `\C` is any byte, `\123` is octal, a `{` that begins no count is a
//! brace, and in a class only `\`, `[:`, `-` and `]` mean more than themselves.

use std::iter::Peekable;
use std::str::Chars;

use regex::bytes::Regex;

use crate::error::{Error, Result, escape};

/// Most repetitions that RE2 takes.
const MOST_REPEATS: u32 = 1000;
/// Characters within which a count or the name of a class must end.
const AHEAD: usize = 32;

/// A pattern, compiled.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    pub(super) regex: Regex,
}

impl Pattern {
    /// A pattern that matches anywhere.
    ///
    /// # Errors
    /// `InvalidArgument` for what is no pattern of RE2.
    pub(super) fn anywhere(text: &str) -> Result<Pattern> {
        Pattern::compile(text, |inner| inner.to_owned())
    }

    /// A pattern that matches whole strings.
    ///
    /// # Errors
    /// As for [`Pattern::anywhere`].
    pub(super) fn whole(text: &str) -> Result<Pattern> {
        Pattern::compile(text, |inner| format!(r"\A(?:{inner})\z"))
    }

    fn compile(text: &str, frame: impl Fn(&str) -> String) -> Result<Pattern> {
        let refuse = |what: &str| Error::invalid(format!("invalid pattern: {}, error: {what}", escape(text)));
        let inner = translate(text).map_err(|what| refuse(&what))?;
        let regex = Regex::new(&frame(&inner));
        let regex = regex.map_err(|error| refuse(error.to_string().lines().last().unwrap_or_default()))?;
        Ok(Pattern { text: text.to_owned(), regex })
    }

    /// As it was given.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// The pattern in the crate's syntax; else what is wrong with it.
fn translate(text: &str) -> Result<String, String> {
    let mut reader = Reader { rest: text.chars().peekable(), out: String::new() };
    let (mut was_repeat, mut depth) = (false, 0usize);
    while let Some(c) = reader.rest.next() {
        let repeats = matches!(c, '*' | '+' | '?') || (c == '{' && reader.is_count());
        if repeats && was_repeat {
            return Err(format!("bad repetition operator: {c}"));
        }
        was_repeat = repeats;
        match c {
            '*' | '+' | '?' => reader.repeat(c.to_string()),
            '{' if repeats => reader.count()?,
            '{' => reader.literal('{'),
            '[' => reader.class()?,
            '(' => depth += usize::from(reader.group()?),
            ')' => {
                depth = depth.checked_sub(1).ok_or("unexpected )")?;
                reader.out.push(')');
            }
            '\\' => reader.escape()?,
            other => reader.out.push(other),
        }
    }
    // What is put around the pattern must not close its groups.
    if depth == 0 { Ok(reader.out) } else { Err("missing )".to_owned()) }
}

/// What is still to be read, and what was written.
struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
}

/// A part of a class: a character, which may begin a range, or a set.
enum Item {
    One(char),
    Set(String),
}

impl Reader<'_> {
    fn literal(&mut self, c: char) {
        self.out.push_str(&code(c));
    }

    /// A repetition, with the `?` that makes it lazy.
    fn repeat(&mut self, operator: String) {
        self.out.push_str(&operator);
        self.out.extend(self.rest.next_if_eq(&'?'));
    }

    /// Whether `{` begins a count: `{2}`, `{2,}` or `{2,3}`.
    fn is_count(&self) -> bool {
        let ahead: String = self.rest.clone().take(AHEAD).collect();
        let Some((inner, _)) = ahead.split_once('}') else { return false };
        let (least, most) = inner.split_once(',').unwrap_or((inner, ""));
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        !least.is_empty() && is_number(least) && is_number(most)
    }

    fn count(&mut self) -> Result<(), String> {
        let inner: String = self.rest.by_ref().take_while(|c| *c != '}').collect();
        let numbers = inner.split(',').filter(|number| !number.is_empty());
        if numbers.map(str::parse).any(|n| n.map_or(true, |n: u32| n > MOST_REPEATS)) {
            return Err(format!("invalid repetition size: {{{inner}}}"));
        }
        self.repeat(format!("{{{inner}}}"));
        Ok(())
    }

    /// The head of a group, which may be no more than flags: whether it is still open. RE2 has the flags `i`, `m`, `s`
    /// and `U`, and names.
    fn group(&mut self) -> Result<bool, String> {
        self.out.push('(');
        if self.rest.next_if_eq(&'?').is_none() {
            return Ok(true);
        }
        self.out.push('?');
        match self.rest.peek() {
            Some('P' | '<') => Ok(true),
            _ => self.flags(),
        }
    }

    fn flags(&mut self) -> Result<bool, String> {
        for c in self.rest.by_ref() {
            self.out.push(c);
            match c {
                ':' | ')' => return Ok(c == ':'),
                'i' | 'm' | 's' | 'U' | '-' => {}
                other => return Err(format!("invalid perl operator: (?{other}")),
            }
        }
        Err("missing )".to_owned())
    }

    /// What follows a backslash, outside of classes.
    fn escape(&mut self) -> Result<(), String> {
        let Some(c) = self.rest.peek().copied() else { return Err("trailing \\".to_owned()) };
        let same = match c {
            'b' => r"(?-u:\b)",
            'B' => r"(?-u:\B)",
            'C' => "(?s-u:.)",
            'A' => r"\A",
            'z' => r"\z",
            'Q' => {
                self.quoted();
                return Ok(());
            }
            _ => {
                match self.item()? {
                    Item::One(c) => self.literal(c),
                    Item::Set(set) => self.out.push_str(&format!("[{set}]")),
                }
                return Ok(());
            }
        };
        self.rest.next();
        self.out.push_str(same);
        Ok(())
    }

    /// All as it stands, up to `\E` or the end.
    fn quoted(&mut self) {
        self.rest.next();
        while let Some(c) = self.rest.next() {
            if c == '\\' && self.rest.next_if_eq(&'E').is_some() {
                return;
            }
            self.literal(c);
        }
    }

    /// What follows a backslash, in a class too.
    fn item(&mut self) -> Result<Item, String> {
        let c = self.rest.next().ok_or("trailing \\")?;
        let set = match c {
            'd' => "0-9",
            'D' => "[^0-9]",
            'w' => "0-9A-Za-z_",
            'W' => "[^0-9A-Za-z_]",
            's' => r"\t\n\x0c\r\x20",
            'S' => r"[^\t\n\x0c\r\x20]",
            'p' | 'P' => return self.property(c == 'P').map(Item::Set),
            _ => return self.character(c).map(Item::One),
        };
        Ok(Item::Set(set.to_owned()))
    }

    /// `\pL`, `\p{Greek}`, `\p{^Greek}`.
    fn property(&mut self, is_outside: bool) -> Result<String, String> {
        let name = match self.rest.next() {
            Some('{') => self.rest.by_ref().take_while(|c| *c != '}').collect(),
            Some(letter) => letter.to_string(),
            None => String::new(),
        };
        let (bare, is_negated) = name.strip_prefix('^').map_or((&*name, false), |bare| (bare, true));
        if bare.is_empty() || !bare.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(format!("invalid character class range: \\p{{{name}}}"));
        }
        Ok(format!("\\{}{{{bare}}}", if is_outside == is_negated { 'p' } else { 'P' }))
    }

    /// The one character that an escape stands for.
    fn character(&mut self, c: char) -> Result<char, String> {
        let invalid = || Err(format!("invalid escape sequence: \\{c}"));
        match c {
            'a' => Ok('\x07'),
            'f' => Ok('\x0c'),
            'n' => Ok('\n'),
            'r' => Ok('\r'),
            't' => Ok('\t'),
            'v' => Ok('\x0b'),
            'x' => self.hexadecimal().ok_or_else(|| "invalid escape sequence: \\x".to_owned()),
            // A digit alone would refer back.
            '1'..='7' if !matches!(self.rest.peek(), Some('0'..='7')) => invalid(),
            '0'..='7' => {
                let digit = |c: char| c.to_digit(8).unwrap_or(0);
                let more = (0..2).map_while(|_| self.rest.next_if(|c| c.is_digit(8)));
                let number = more.fold(digit(c), |number, next| number * 8 + digit(next));
                char::from_u32(number).ok_or_else(|| "invalid escape sequence".to_owned())
            }
            _ if c.is_ascii() && !c.is_ascii_alphanumeric() => Ok(c),
            _ => invalid(),
        }
    }

    /// `7F` or `{10FFFF}`.
    fn hexadecimal(&mut self) -> Option<char> {
        let digits: String = match self.rest.next_if_eq(&'{') {
            Some(_) => self.rest.by_ref().take_while(|c| *c != '}').collect(),
            None => (0..2).map_while(|_| self.rest.next()).collect(),
        };
        // A sign is no digit.
        let is_hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hexadecimal { char::from_u32(u32::from_str_radix(&digits, 16).ok()?) } else { None }
    }

    /// A class, from behind its bracket to the closing one.
    fn class(&mut self) -> Result<(), String> {
        let missing = || "missing ]".to_owned();
        self.out.push('[');
        self.out.extend(self.rest.next_if_eq(&'^'));
        let mut is_first = true;
        loop {
            let c = self.rest.next().ok_or_else(missing)?;
            if c == ']' && !is_first {
                break;
            }
            is_first = false;
            match self.class_item(c)? {
                Item::Set(set) => self.out.push_str(&set),
                Item::One(low) => self.range(low)?,
            }
        }
        self.out.push(']');
        Ok(())
    }

    fn class_item(&mut self, c: char) -> Result<Item, String> {
        match c {
            '\\' => self.item(),
            '[' if self.rest.peek() == Some(&':') => Ok(self.named().map_or(Item::One('['), Item::Set)),
            _ => Ok(Item::One(c)),
        }
    }

    /// `[:alpha:]`, or nothing where it is not closed.
    fn named(&mut self) -> Option<String> {
        let mut ahead = self.rest.clone();
        ahead.next();
        let name: String = ahead.by_ref().take(AHEAD).take_while(|c| *c != ':').collect();
        let is_name = name.trim_start_matches('^').bytes().all(|byte| byte.is_ascii_lowercase());
        if !is_name || ahead.next() != Some(']') {
            return None;
        }
        self.rest = ahead;
        Some(format!("[:{name}:]"))
    }

    /// A character, or those from it to another one.
    fn range(&mut self, low: char) -> Result<(), String> {
        self.literal(low);
        let mut ahead = self.rest.clone();
        if ahead.next() != Some('-') || matches!(ahead.next(), None | Some(']')) {
            return Ok(());
        }
        self.rest.next();
        let c = self.rest.next().ok_or("missing ]")?;
        let high = if c == '\\' { self.item()? } else { Item::One(c) };
        match high {
            Item::One(high) if high >= low => self.out.push_str(&format!("-{}", code(high))),
            Item::One(high) => return Err(format!("invalid character class range: {low}-{high}")),
            Item::Set(_) => return Err(format!("invalid character class range: {low}-")),
        }
        Ok(())
    }
}

/// A character by its number, which never means more than itself.
fn code(c: char) -> String {
    if c.is_ascii_alphanumeric() { c.to_string() } else { format!("\\x{{{:x}}}", u32::from(c)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What TensorFlow 1.15.5 makes of a text when it puts an `X` for each match.
    #[test]
    fn matches_are_those_of_re2() {
        for (text, pattern, want) in [
            ("A_é1 ٣", r"\w", "XXéX ٣"),
            ("٣3", r"\d", "٣X"),
            ("\x0b \t", r"\s", "\x0bXX"),
            ("a{,2}", "a{,2}", "X"),
            ("[x]", "[[]x[]]", "X"),
            ("a-b", r"[a\-z]", "XXb"),
            ("éÉ", "(?i)É", "XX"),
            ("Ω", r"\p{Greek}", "X"),
            ("Ω", r"\p{^Greek}", "Ω"),
            ("S", r"\123", "X"),
            ("a.c", r"\Q.\E", "aXc"),
            ("é", r"\C", "XX"),
            ("ab", r"\<a", "ab"),
            ("a b", r"\bb", "a X"),
            ("a&&b", "[a&&b]", "XXXX"),
            ("a\n", "a$", "a\n"),
            ("a~b", "[a~~b]", "XXX"),
            ("a]b", "]", "aXb"),
            ("a}b", "}", "aXb"),
            ("ab", "(?i:A)b", "X"),
            ("ß", "(?i)ẞ", "X"),
            ("ab", "(?U)a+", "Xb"),
            ("a", "[[:alpha:]]", "X"),
            ("a", "[^[:^alpha:]]", "X"),
            ("a-", r"[\w-]", "XX"),
            ("a", r"\pN", "a"),
            ("a_", r"\_", "aX"),
            ("a^", "[a^]", "XX"),
            ("1\\", r"[\\]", "1X"),
            ("ab\ncd", "(?m)^.", "Xb\nXd"),
            ("(b)", r"\(b\)", "X"),
            ("a b", "a b", "X"),
        ] {
            let pattern = Pattern::anywhere(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
            let got = pattern.regex.replace_all(text.as_bytes(), &b"X"[..]);
            assert_eq!(String::from_utf8_lossy(&got), want, "{} in {text}", pattern.text());
        }
    }

    #[test]
    fn what_re2_refuses_is_refused() {
        for pattern in [
            "[", "(?x) a", "a**", "a{1001}", r"\Z", "[b-a]", r"[a-\d]", "[]", r"\1", "(", ")", "a)(b", r"(?=a)", r"\8",
            "\\",
        ] {
            let error = Pattern::whole(pattern).map(drop).expect_err(pattern);
            assert!(error.message().starts_with("invalid pattern: "), "{error}");
        }
    }

    #[test]
    fn patterns_that_grow_without_end_are_refused() {
        assert!(Pattern::anywhere("((a{1000}){1000}){1000}").is_err());
        assert!(Pattern::anywhere(&"(".repeat(100_000)).is_err());
    }
}

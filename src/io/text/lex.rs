//! The words of a text, each with its place.

use crate::error::{Error, ErrorKind, Result};

/// Where a word begins, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    line: u32,
    column: u32,
}

impl Place {
    /// An error at this place.
    #[cold]
    pub(super) fn error(self, what: impl std::fmt::Display) -> Error {
        Error::new(ErrorKind::DataLoss, format!("{}:{}: {what}", self.line, self.column))
    }
}

/// One word.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'a> {
    /// A name, also `true`, `inf` and the names of enums.
    Name(&'a str),
    /// A number without its sign, not yet looked at.
    Number(&'a str),
    /// A string without quotes and escapes.
    Text(Vec<u8>),
    /// Anything else.
    Mark(char),
    /// There are no more words.
    End,
}

/// Cuts a text into words; one word can be looked at before it is taken.
pub(super) struct Lexer<'a> {
    rest: &'a str,
    here: Place,
    next: Token<'a>,
    next_at: Place,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Result<Lexer<'a>> {
        let start = Place { line: 1, column: 1 };
        let rest = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut lexer = Lexer { rest, here: start, next: Token::End, next_at: start };
        lexer.take()?;
        Ok(lexer)
    }

    /// The next word.
    pub(super) fn peek(&self) -> &Token<'a> {
        &self.next
    }

    /// Where the next word begins.
    pub(super) fn place(&self) -> Place {
        self.next_at
    }

    /// Takes the next word.
    pub(super) fn take(&mut self) -> Result<Token<'a>> {
        self.skip_blanks();
        let at = self.here;
        let token = self.token(at)?;
        self.next_at = at;
        Ok(std::mem::replace(&mut self.next, token))
    }

    /// Takes the next word if it is this mark.
    pub(super) fn take_mark(&mut self, mark: char) -> Result<bool> {
        let is_it = self.next == Token::Mark(mark);
        if is_it {
            self.take()?;
        }
        Ok(is_it)
    }

    fn token(&mut self, at: Place) -> Result<Token<'a>> {
        let Some(first) = self.rest.chars().next() else { return Ok(Token::End) };
        Ok(match first {
            'a'..='z' | 'A'..='Z' | '_' => Token::Name(self.take_while(|c, _| c.is_ascii_alphanumeric() || c == '_')),
            '0'..='9' | '.' => Token::Number(self.take_while(is_of_number)),
            '"' | '\'' => Token::Text(self.text(first, at)?),
            _ => {
                self.advance();
                Token::Mark(first)
            }
        })
    }

    fn skip_blanks(&mut self) {
        while let Some(c) = self.rest.chars().next() {
            match c {
                '#' => drop(self.take_while(|c, _| c != '\n')),
                c if c.is_whitespace() => drop(self.advance()),
                _ => return,
            }
        }
    }

    fn advance(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next()?;
        self.rest = chars.as_str();
        match c {
            '\n' => self.here = Place { line: self.here.line.saturating_add(1), column: 1 },
            _ => self.here.column = self.here.column.saturating_add(1),
        }
        Some(c)
    }

    /// Takes characters for as long as they fit; `fits` is told the one before, too.
    fn take_while(&mut self, fits: impl Fn(char, char) -> bool) -> &'a str {
        let all = self.rest;
        let mut before = '\0';
        while let Some(c) = self.rest.chars().next().filter(|c| fits(*c, before)) {
            self.advance();
            before = c;
        }
        all.get(..all.len() - self.rest.len()).unwrap_or_default()
    }

    fn text(&mut self, quote: char, at: Place) -> Result<Vec<u8>> {
        self.advance();
        let mut bytes = Vec::new();
        loop {
            match self.advance() {
                None | Some('\n') => return Err(at.error("the string has no end")),
                Some('\\') => self.escape(&mut bytes, at)?,
                Some(c) if c == quote => return Ok(bytes),
                Some(c) => push(&mut bytes, c),
            }
        }
    }

    fn escape(&mut self, bytes: &mut Vec<u8>, at: Place) -> Result<()> {
        let Some(c) = self.advance() else { return Err(at.error("the string has no end")) };
        match c {
            'a' => bytes.push(7),
            'b' => bytes.push(8),
            'f' => bytes.push(12),
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'v' => bytes.push(11),
            '\\' | '\'' | '"' | '?' => push(bytes, c),
            '0'..='7' => {
                let first = c.to_digit(8).unwrap_or_default();
                let value = self.digits(8, 2).fold(first, |value, digit| value * 8 + digit);
                bytes.push(u8::try_from(value).map_err(|_| at.error("an octal escape is at most \\377"))?);
            }
            'x' | 'X' => bytes.push(self.code(2, at)? as u8),
            'u' | 'U' => {
                let code = self.code(if c == 'u' { 4 } else { 8 }, at)?;
                push(bytes, char::from_u32(code).ok_or_else(|| at.error(format!("there is no character {code:x}")))?);
            }
            other => return Err(at.error(format!("the string has the escape '\\{}'", other.escape_default()))),
        }
        Ok(())
    }

    /// A number of up to `n` hexadecimal digits.
    fn code(&mut self, n: usize, at: Place) -> Result<u32> {
        let digits: Vec<u32> = self.digits(16, n).collect();
        if digits.is_empty() {
            return Err(at.error("an escape has no digits"));
        }
        Ok(digits.into_iter().fold(0, |value, digit| value << 4 | digit))
    }

    fn digits(&mut self, radix: u32, n: usize) -> impl Iterator<Item = u32> {
        std::iter::from_fn(move || {
            let digit = self.rest.chars().next()?.to_digit(radix)?;
            self.advance();
            Some(digit)
        })
        .take(n)
    }
}

fn push(bytes: &mut Vec<u8>, c: char) {
    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// A sign belongs to a number only after its exponent's `e`.
fn is_of_number(c: char, before: char) -> bool {
    c.is_ascii_alphanumeric() || c == '.' || (matches!(c, '+' | '-') && matches!(before, 'e' | 'E'))
}

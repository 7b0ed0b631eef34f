//! What a setting's text stands for.

use std::fmt::Debug;
use std::time::Duration;

use crate::error::{Error, ErrorCode, Result};

/// A setting as it was given: its name, without the prefix `arachne.`, and its text.
pub(super) struct Given<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a str,
}

/// Takes a value over, if it is one.
pub(super) fn put<T>(slot: &mut T, value: Result<T>) -> Result<()> {
    *slot = value?;
    Ok(())
}

impl<'a> Given<'a> {
    pub(super) fn text(&self) -> &'a str {
        self.value.trim()
    }

    pub(super) fn count(&self) -> Result<usize> {
        self.text().parse().map_err(|_| self.wrong("a whole number"))
    }

    /// 0 stands for none.
    pub(super) fn count_or_none(&self) -> Result<Option<usize>> {
        Ok(Some(self.count()?).filter(|count| *count > 0))
    }

    /// `3` or `3,7,1`, none of them 0; a lone 0 stands for none.
    pub(super) fn counts(&self) -> Result<Vec<usize>> {
        let count = |text: &str| text.trim().parse().map_err(|_| self.wrong("whole numbers"));
        let counts = self.text().split(',').map(count).collect::<Result<Vec<usize>>>()?;
        match &counts[..] {
            [0] => Ok(Vec::new()),
            several if several.contains(&0) => Err(self.wrong("numbers above 0")),
            _ => Ok(counts),
        }
    }

    /// `64MiB`, `8 MB`, `1048576`; units are powers of 1024.
    pub(super) fn bytes(&self) -> Result<u64> {
        let (number, unit) = self.number_and_unit();
        let factor = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 1.0,
            "k" | "kb" | "kib" => 1024.0,
            "m" | "mb" | "mib" => 1024.0 * 1024.0,
            "g" | "gb" | "gib" => 1024.0 * 1024.0 * 1024.0,
            "t" | "tb" | "tib" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
            _ => return Err(self.wrong("a size").with_hint("write it as 64MiB")),
        };
        let number: f64 = number.parse().map_err(|_| self.wrong("a size").with_hint("write it as 64MiB"))?;
        Ok((number * factor) as u64)
    }

    /// `250ms`, `30s`, `5m`, `2h`; a bare number is seconds.
    pub(super) fn duration(&self) -> Result<Duration> {
        let (number, unit) = self.number_and_unit();
        let factor = match unit {
            "ms" => 0.001,
            "" | "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            _ => return Err(self.wrong("a time").with_hint("write it as 30s")),
        };
        let number: f64 = number.parse().map_err(|_| self.wrong("a time").with_hint("write it as 30s"))?;
        Duration::try_from_secs_f64(number * factor).map_err(|_| self.wrong("a time").with_hint("write it as 30s"))
    }

    /// US dollars, with or without the sign.
    pub(super) fn dollars(&self) -> Result<f64> {
        let text = self.text();
        let dollars = text.strip_prefix('$').unwrap_or(text).parse::<f64>();
        dollars.ok().filter(|dollars| dollars.is_finite() && *dollars >= 0.0).ok_or_else(|| self.wrong("dollars"))
    }

    /// Lowers a limit; where there is none yet, sets it.
    pub(super) fn lower<T: PartialOrd + Debug>(&self, slot: &mut Option<T>, value: Result<T>) -> Result<()> {
        let value = value?;
        if slot.as_ref().is_some_and(|ceiling| value > *ceiling) {
            let Self { name, value } = self;
            return Err(Error::new(
                ErrorCode::PermissionDenied,
                format!("arachne.{name} = {value} is above this server's limit"),
            )
            .with_hint(format!("stay at or below limits.{name} of the server's settings, or have it raised")));
        }
        *slot = Some(value);
        Ok(())
    }

    fn number_and_unit(&self) -> (&'a str, &'a str) {
        let text = self.text();
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        (number, unit.trim())
    }

    fn wrong(&self, kind: &str) -> Error {
        let Self { name, value } = self;
        Error::new(ErrorCode::InvalidArgument, format!("arachne.{name} wants {kind}, not '{value}'"))
    }
}

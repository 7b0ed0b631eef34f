//! What Linux tells about processes in `/proc`; see proc(5).

use std::fs;

use anyhow::{Context, Result};

/// Linux tells times in hundredths of a second (`USER_HZ`), whatever the machine.
const TICKS_PER_SECOND: f64 = 100.0;
/// Of the machines that this runs on (x86-64, arm64 with 4 KiB pages).
const PAGE: u64 = 4096;

/// A process as it was at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) parent: u32,
    /// `Z` for one that has ended and was not waited for.
    pub(super) state: char,
    /// User and system time, in seconds.
    pub(super) cpu: f64,
    /// That of its children that have ended and were waited for, and of theirs.
    pub(super) cpu_waited_for: f64,
    /// Bytes.
    pub(super) resident: u64,
}

impl Process {
    pub(super) fn read(pid: u32) -> Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))
            .context("processes are read from /proc, which only Linux has")?;
        Self::parse(pid, &stat).with_context(|| format!("/proc/{pid}/stat"))
    }

    /// All that can be seen; what ends meanwhile is left out.
    pub(super) fn all() -> Result<Vec<Self>> {
        let pids = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        Ok(pids.filter_map(|pid| Self::read(pid).ok()).collect())
    }

    /// The most bytes that were resident at any time; `None` when it has ended.
    pub(super) fn peak(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        kilobytes(&status, "VmHWM:")
    }

    fn parse(pid: u32, stat: &str) -> Result<Self> {
        // The name, in brackets, may hold spaces and brackets. The field behind it is the third.
        let (_, rest) = stat.rsplit_once(')').context("no name")?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).copied().context("too few fields");
        let seconds = |number: usize| Ok::<_, anyhow::Error>(field(number)?.parse::<f64>()? / TICKS_PER_SECOND);
        Ok(Self {
            pid,
            parent: field(4)?.parse()?,
            state: field(3)?.chars().next().context("no state")?,
            cpu: seconds(14)? + seconds(15)?,
            cpu_waited_for: seconds(16)? + seconds(17)?,
            resident: field(24)?.parse::<u64>()? * PAGE,
        })
    }
}

/// A line such as `MemTotal:  16384 kB`, in bytes.
pub(super) fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_spaces_and_brackets() {
        let stat =
            "42 (a) b (c)) S 7 42 42 0 -1 4194560 1 2 3 4 150 50 30 20 20 0 9 0 1000 123456 25 18446744073709551615";
        let process = Process::parse(42, stat).unwrap();
        assert_eq!((process.parent, process.state), (7, 'S'));
        assert_eq!((process.cpu, process.cpu_waited_for, process.resident), (2.0, 0.5, 25 * 4096));
    }

    #[test]
    fn this_process_is_there() {
        let own = std::process::id();
        let found = Process::all().unwrap().into_iter().find(|process| process.pid == own).unwrap();
        assert!(found.peak().unwrap() >= found.resident / 2 && found.resident > 0);
    }

    #[test]
    fn lines_in_kilobytes_are_bytes() {
        assert_eq!(kilobytes("VmPeak:\t 9 kB\nVmHWM:\t   12 kB\n", "VmHWM:"), Some(12 * 1024));
        assert_eq!(kilobytes("", "VmHWM:"), None);
    }
}

//! What Linux tells about processes in `/proc`, this one and others; see proc(5).

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// Linux tells times in hundredths of a second (`USER_HZ`), whatever the machine.
const TICK: Duration = Duration::from_millis(10);

/// A process as it was at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) parent: u32,
    /// `Z` for one that has ended and was not waited for.
    pub(crate) state: char,
    /// User and system time of all threads.
    pub(crate) cpu: Duration,
    /// That of its children that have ended and were waited for, and of theirs.
    pub(crate) cpu_waited_for: Duration,
}

impl Process {
    pub(crate) fn read(pid: u32) -> Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))
            .context("processes are read from /proc, which only Linux has")?;
        Self::parse(pid, &stat).with_context(|| format!("/proc/{pid}/stat"))
    }

    pub(crate) fn own() -> Result<Self> {
        Self::read(std::process::id())
    }

    /// All that can be seen; what ends meanwhile is left out.
    pub(crate) fn all() -> Result<Vec<Self>> {
        let pids = fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        Ok(pids.filter_map(|pid| Self::read(pid).ok()).collect())
    }

    fn parse(pid: u32, stat: &str) -> Result<Self> {
        // The name, in brackets, may hold spaces and brackets. The field behind it is the third.
        let (_, rest) = stat.rsplit_once(')').context("no name")?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).copied().context("too few fields");
        let time = |number: usize| Ok::<_, anyhow::Error>(TICK * field(number)?.parse::<u32>()?);
        Ok(Self {
            pid,
            parent: field(4)?.parse()?,
            state: field(3)?.chars().next().context("no state")?,
            cpu: time(14)? + time(15)?,
            cpu_waited_for: time(16)? + time(17)?,
        })
    }
}

/// Bytes of a process that are resident now; `None` when it has ended.
pub(crate) fn resident(pid: u32) -> Option<u64> {
    kilobytes(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?, "VmRSS:")
}

/// The most bytes of a process that were resident at any time; `None` when it has ended.
pub(crate) fn peak(pid: u32) -> Option<u64> {
    kilobytes(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?, "VmHWM:")
}

/// What this process took since a moment.
#[derive(Debug)]
pub(crate) struct Usage {
    cpu: Duration,
    resident: u64,
}

impl Usage {
    /// From now on. Forgets this process's peak.
    pub(crate) fn watch() -> Result<Self> {
        fs::write("/proc/self/clear_refs", "5").context("the peak of memory cannot be reset")?;
        let resident = resident(std::process::id()).context("this process's memory")?;
        Ok(Self { cpu: Process::own()?.cpu, resident })
    }

    pub(crate) fn cpu(&self) -> Result<Duration> {
        Ok(Process::own()?.cpu.saturating_sub(self.cpu))
    }

    /// Bytes by which the peak since then is above what was resident then.
    pub(crate) fn grown(&self) -> Result<u64> {
        Ok(peak(std::process::id()).context("this process's memory")?.saturating_sub(self.resident))
    }
}

/// A line such as `MemTotal:  16384 kB`, in bytes.
pub(crate) fn kilobytes(text: &str, name: &str) -> Option<u64> {
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
        assert_eq!((process.cpu, process.cpu_waited_for), (Duration::from_secs(2), Duration::from_millis(500)));
    }

    #[test]
    fn this_process_is_there() {
        let own = std::process::id();
        assert!(Process::all().unwrap().into_iter().any(|process| process.pid == own));
        let resident = resident(own).unwrap();
        assert!(resident > 0 && peak(own).unwrap() >= resident / 2);
    }

    #[test]
    fn what_is_held_and_done_since_then_counts() {
        let usage = Usage::watch().unwrap();
        let held = vec![1_u8; 64 << 20];
        assert!(usage.grown().unwrap() >= 32 << 20, "{} bytes of {}", usage.grown().unwrap(), held.len());
        while usage.cpu().unwrap().is_zero() {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn lines_in_kilobytes_are_bytes() {
        assert_eq!(kilobytes("VmPeak:\t 9 kB\nVmHWM:\t   12 kB\n", "VmHWM:"), Some(12 * 1024));
        assert_eq!(kilobytes("", "VmHWM:"), None);
    }
}

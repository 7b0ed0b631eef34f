//! What this process has used so far, as Linux counts it.

use std::time::Duration;

use anyhow::{Context, Result};

/// Linux tells times in hundredths of a second (`USER_HZ`), whatever the machine.
const TICK: Duration = Duration::from_millis(10);

/// User and system time of all threads.
pub(crate) fn cpu_time() -> Result<Duration> {
    let stat =
        std::fs::read_to_string("/proc/self/stat").context("CPU time is read from /proc, which only Linux has")?;
    // The name, in brackets, may hold spaces. See proc(5): utime and stime are the 14th and 15th field.
    let (_, rest) = stat.rsplit_once(')').context("a name")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |index: usize| -> Result<u32> { Ok(fields.get(index).context("a field")?.parse()?) };
    Ok(TICK * (ticks(11)? + ticks(12)?))
}

/// Forgets the peak: [`peak_memory`] is that from now on.
pub(crate) fn reset_peak_memory() -> Result<()> {
    std::fs::write("/proc/self/clear_refs", "5").context("the peak of memory cannot be reset")
}

/// Bytes resident now.
pub(crate) fn memory() -> Result<u64> {
    status("VmRSS:")
}

/// The most bytes that were resident at once.
pub(crate) fn peak_memory() -> Result<u64> {
    status("VmHWM:")
}

fn status(name: &str) -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).context("a line of /proc/self/status")?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kilobytes * 1024)
}

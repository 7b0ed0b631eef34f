//! Reads what an invocation is billed as from the log tail that comes with its answer.

use std::time::Duration;

use arachne_engine::invoker::Bill;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// From the header `X-Amz-Log-Result`: base64 of the log's last 4 KB, of which the report is (nearly) the last line.
/// None if it holds no report.
pub(super) fn bill_from_log(log_result: &str) -> Option<Bill> {
    let log = STANDARD.decode(log_result).ok()?;
    // The tail may begin in the middle of a character.
    let log = String::from_utf8_lossy(&log);
    log.lines().rev().find_map(|line| from_text_line(line).or_else(|| from_json_line(line)))
}

/// `REPORT RequestId: <id>\tDuration: 12.34 ms\tBilled Duration: 13 ms\tMemory Size: 1769 MB\tMax Memory Used: 90 MB\tInit Duration: 100.00 ms`
fn from_text_line(line: &str) -> Option<Bill> {
    let fields = line.strip_prefix("REPORT ")?;
    let number = |name: &str, unit: &str| -> Option<f64> {
        let value = fields.split('\t').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix(':'))?;
        value.trim().strip_suffix(unit)?.trim().parse().ok()
    };
    Some(Bill {
        billed: milliseconds(number("Billed Duration", "ms")?)?,
        memory_mb: number("Memory Size", "MB")? as u64,
        init: number("Init Duration", "ms").and_then(milliseconds),
        max_memory_used_mb: number("Max Memory Used", "MB").map(|mb| mb as u64),
    })
}

/// The same for functions whose log format is JSON
/// (<https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html#platform-report>).
fn from_json_line(line: &str) -> Option<Bill> {
    #[derive(Deserialize)]
    struct Line {
        r#type: String,
        record: Record,
    }
    #[derive(Deserialize)]
    struct Record {
        metrics: Metrics,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Metrics {
        billed_duration_ms: f64,
        #[serde(rename = "memorySizeMB")]
        memory_size_mb: u64,
        #[serde(rename = "maxMemoryUsedMB")]
        max_memory_used_mb: Option<u64>,
        init_duration_ms: Option<f64>,
    }
    if !line.starts_with('{') {
        return None;
    }
    let line: Line = serde_json::from_str(line).ok()?;
    let metrics = line.record.metrics;
    if line.r#type != "platform.report" {
        return None;
    }
    Some(Bill {
        billed: milliseconds(metrics.billed_duration_ms)?,
        memory_mb: metrics.memory_size_mb,
        init: metrics.init_duration_ms.and_then(milliseconds),
        max_memory_used_mb: metrics.max_memory_used_mb,
    })
}

fn milliseconds(value: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(value / 1000.0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bill(log: &str) -> Option<Bill> {
        bill_from_log(&STANDARD.encode(log))
    }

    #[test]
    fn a_cold_report_has_everything() {
        let log = "START RequestId: a Version: $LATEST\nsome log\nEND RequestId: a\nREPORT RequestId: a\tDuration: 12.34 ms\t\
                   Billed Duration: 113 ms\tMemory Size: 1769 MB\tMax Memory Used: 90 MB\tInit Duration: 100.25 ms\t\n\
                   XRAY TraceId: 1-5e34a614-10bdxmplf1fb44f07bc535a1\tSegmentId: 07f5xmpl2d1f6f85\tSampled: true\n";
        let expected = Bill {
            billed: Duration::from_millis(113),
            memory_mb: 1769,
            init: Some(Duration::from_micros(100_250)),
            max_memory_used_mb: Some(90),
        };
        assert_eq!(bill(log), Some(expected));
    }

    #[test]
    fn a_warm_report_has_no_init() {
        let log = "REPORT RequestId: a\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 128 MB\tMax Memory Used: 30 MB\tStatus: timeout\n\
                   2026-11-22T15:00:00.000Z a Task timed out after 3.00 seconds\n\n";
        let bill = bill(log).unwrap();
        assert_eq!((bill.billed, bill.init), (Duration::from_secs(3), None));
    }

    #[test]
    fn a_json_report_is_read_as_well() {
        let log = r#"{"time":"2026-11-22T15:00:00.000Z","type":"platform.report","record":{"requestId":"a","metrics":
            {"durationMs":101.5,"billedDurationMs":102,"memorySizeMB":512,"maxMemoryUsedMB":33,"initDurationMs":116.67},"status":"success"}}"#
            .replace('\n', "");
        let bill = bill(&log).unwrap();
        assert_eq!((bill.billed, bill.memory_mb), (Duration::from_millis(102), 512));
        assert!(bill.init.is_some_and(|init| init.as_micros() == 116_670));
    }

    #[test]
    fn the_functions_own_lines_are_no_report() {
        assert_eq!(bill("REPORT of the day\n{\"type\":\"platform.report\"}\n{\n"), None);
        assert_eq!(bill_from_log("not base64!"), None);
        let own_line_first = "REPORT RequestId: a\tBilled Duration: 1 ms\tMemory Size: 1 MB\nREPORT RequestId: a\tBilled Duration: 2 ms\tMemory Size: 2 MB\n";
        assert_eq!(bill(own_line_first).unwrap().memory_mb, 2);
    }
}

//! What dashboards ask: a few shapes, each time with other constants. Numbers are whole and rows are ordered, so that two engines'
//! answers can be compared as text.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::Options;
use super::data::{SERVICES, USERS, date};

/// Queries of one client; they begin again when they are through.
const PER_CLIENT: usize = 200;

pub(super) fn of_client(client: usize, options: &Options) -> Vec<String> {
    let mut rng = SmallRng::seed_from_u64(options.seed.wrapping_mul(31).wrapping_add(client as u64));
    (0..PER_CLIENT).map(|number| query(number % SHAPES, &mut rng, options.days)).collect()
}

/// One of each shape.
pub(super) fn samples(options: &Options) -> Vec<String> {
    let mut rng = SmallRng::seed_from_u64(options.seed);
    (0..SHAPES).map(|shape| query(shape, &mut rng, options.days)).collect()
}

pub(super) const SHAPES: usize = 4;

fn query(shape: usize, rng: &mut SmallRng, days: usize) -> String {
    let day = rng.random_range(0..days);
    let service = rng.random_range(0..SERVICES);
    let until = |length: usize| date((day + length).min(days - 1));
    let from = date(day);
    match shape {
        0 => format!(
            "SELECT service, count(*) AS requests, sum(bytes) AS sent FROM logs \
             WHERE day = DATE '{from}' AND status >= 500 GROUP BY service ORDER BY service"
        ),
        1 => format!(
            "SELECT day, count(*) AS requests, max(micros) AS slowest FROM logs \
             WHERE day BETWEEN DATE '{from}' AND DATE '{}' AND service = 'service-{service}' GROUP BY day ORDER BY day",
            until(6)
        ),
        2 => format!(
            "SELECT path, count(*) AS requests FROM logs \
             WHERE day = DATE '{from}' AND service = 'service-{service}' GROUP BY path ORDER BY requests DESC, path LIMIT 10"
        ),
        _ => format!(
            "SELECT status, count(*) AS requests, min(micros) AS fastest FROM logs \
             WHERE day BETWEEN DATE '{from}' AND DATE '{}' AND user_id = {} GROUP BY status ORDER BY status",
            until(29),
            rng.random_range(0..USERS)
        ),
    }
}

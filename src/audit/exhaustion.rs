//! When a key runs out of values: from what it was at an earlier time, or from when its rows were created.
//!
//! A rate is only known of the past. Every date is one end of a range, from the fastest to the slowest rate that was
//! seen, and says what it takes for granted.

use super::columns::{Exhaustion, IdColumn, Role};
use super::{Audit, Environment, Target};
use crate::config::gate::Day;
use crate::live::facts::{DatabaseFacts, EnvironmentFacts, Origin};
use crate::source::{Gap, GapKind};

/// Nobody plans for longer, and rates say nothing of it.
const YEARS: i64 = 100;

/// A younger point gives no rate.
const RECENT: i64 = 28 * 86_400;

const DAY: i128 = 86_400;

/// The key's largest value at a time, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Point {
    at: i64,
    id: i128,
}

/// What is known of a key over time.
#[derive(Clone, Debug, PartialEq, Eq)]
struct History {
    now: Point,
    /// Earlier points, each with its source.
    past: Vec<(Point, String)>,
}

/// Ids in so many seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rate {
    ids: i128,
    seconds: i128,
    /// Since when, and by what.
    since: String,
}

impl Rate {
    fn a_day(&self) -> i128 {
        self.ids * DAY / self.seconds
    }
}

impl History {
    /// The rates since each point of the past, the slowest first.
    fn rates(&self) -> Vec<Rate> {
        let rate = |(point, by): &(Point, String)| {
            let seconds = i128::from(self.now.at - point.at);
            let ids = self.now.id - point.id;
            // A smaller key means that the table was emptied or re-created: no rate.
            let since = format!("since {}{by}", Day::at(u64::try_from(point.at).unwrap_or(0)));
            (seconds >= DAY && ids >= 0).then_some(Rate { ids, seconds, since })
        };
        let mut rates: Vec<Rate> = self.past.iter().filter_map(rate).collect();
        rates.sort_by(|a, b| (a.ids * b.seconds).cmp(&(b.ids * a.seconds)));
        rates
    }

    /// When the key passes a limit; `key` is what it is called.
    fn passes(&self, limit: i128, key: &str) -> Option<Exhaustion> {
        let today = Day::at(u64::try_from(self.now.at).unwrap_or(0));
        if self.now.id >= limit {
            let assumption = format!("{key} has passed the limit already");
            return Some(Exhaustion { earliest: today, latest: Some(today), assumption });
        }
        let rates = self.rates();
        let (slow, fast) = (rates.first()?, rates.last()?);
        let left = limit - self.now.id;
        let day = |rate: &Rate, (more, less): (i128, i128)| {
            let seconds = left.checked_mul(rate.seconds * less)?.checked_div(rate.ids * more)?;
            let seconds = i64::try_from(seconds).ok().filter(|seconds| *seconds < YEARS * 366 * 86_400)?;
            Some(Day::at(u64::try_from(self.now.at + seconds).ok()?))
        };
        // Two rates that hardly differ are one.
        let alike = slow.ids * fast.seconds * 20 >= fast.ids * slow.seconds * 19;
        let (margin_fast, margin_slow) = if alike { ((5, 4), (4, 5)) } else { ((1, 1), (1, 1)) };
        let earliest = day(fast, margin_fast)?;
        let (slow_rate, fast_rate) = (slow.a_day(), fast.a_day());
        let assumption = if alike {
            format!("{key} keeps growing by {fast_rate} ids a day, as {} (± 25 %)", fast.since)
        } else {
            format!(
                "{key} keeps growing by {slow_rate} to {fast_rate} ids a day ({slow_rate} {}, {fast_rate} {})",
                slow.since, fast.since
            )
        };
        Some(Exhaustion { earliest, latest: day(slow, margin_slow), assumption })
    }
}

impl Audit {
    /// Fills in when each column that stores the ids is used up. `earlier` are the same environments at another time.
    pub(super) fn compute_exhaustion(&mut self, earlier: &[EnvironmentFacts]) {
        for old in earlier {
            let known = self.environments.iter().any(|environment| environment.facts.name == old.name);
            if !known {
                let reason = format!("{}: no environment has this name, so its earlier snapshot is ignored", old.name);
                self.gaps.push(Gap::general(GapKind::EarlierState, reason).in_environment(&*old.name));
            }
        }
        for (at, environment) in self.environments.iter().enumerate() {
            let history = history(&self.target, environment, earlier, &mut self.gaps);
            for column in &mut self.columns {
                fill(column, at, history.as_ref());
            }
        }
    }
}

fn fill(column: &mut IdColumn, environment: usize, history: Option<&History>) {
    let key = if column.role == Role::Key { "the key" } else { "the target's key" };
    for place in column.places.iter_mut().filter(|place| place.environment == environment) {
        place.exhausted = history.zip(place.limit).and_then(|(history, limit)| history.passes(limit, key));
    }
}

/// What is known of the target's key over time, in the database that holds its table.
fn history(
    target: &Target,
    environment: &Environment,
    earlier: &[EnvironmentFacts],
    gaps: &mut Vec<Gap>,
) -> Option<History> {
    let facts = &environment.facts;
    let (database, now) =
        facts.databases.iter().find_map(|database| Some((database, now(target, facts, database)?)))?;
    let mut past = Vec::new();
    for old in earlier.iter().filter(|old| old.name == facts.name) {
        let then = old.database(&database.name).and_then(|database| self::now(target, old, database));
        match then {
            Some(then) if then.at < now.at => past.push((then, String::from(" by the earlier snapshot"))),
            _ => {
                let reason = format!(
                    "{}, {}: the earlier snapshot contains no earlier id of {}",
                    facts.name, database.name, target.table
                );
                let gap = Gap::general(GapKind::EarlierState, reason);
                gaps.push(gap.in_environment(&*facts.name).of_object(&*target.table).of_field(&*target.key));
            }
        }
    }
    if let Some(growth) = database.measures_of(&target.table).and_then(|measures| measures.growth.as_ref()) {
        let births: Vec<Point> = growth
            .births
            .iter()
            .filter_map(|birth| Some(Point { at: seconds(&birth.created)?, id: birth.id }))
            .collect();
        let by = format!(" by the column {}", growth.column);
        if let (Some(first), Some(last)) = (births.first(), births.last()) {
            past.push((*first, by.clone()));
            // The newest quarter predicts the future, except the last weeks: they may be a holiday, or an import.
            let newest = last.id - (last.id - first.id) / 4;
            let recent = births.iter().filter(|birth| birth.id >= newest && now.at - birth.at >= RECENT);
            past.extend(recent.map(|birth| (*birth, by.clone())));
        }
    }
    past.dedup();
    Some(History { now, past })
}

/// The key's largest value, and when that was so.
fn now(target: &Target, facts: &EnvironmentFacts, database: &DatabaseFacts) -> Option<Point> {
    let id = database.headroom_of(&target.table, &target.key)?.used;
    let Origin::Server { address } = &database.origin else { return None };
    Some(Point { at: seconds(&facts.server(address)?.read_at)?, id })
}

/// The seconds since 1970 of `YYYY-MM-DDTHH:MM:SS`.
fn seconds(text: &str) -> Option<i64> {
    let (day, time) = text.split_once(['T', ' '])?;
    let day: Day = day.parse().ok()?;
    let mut parts = time.trim_end_matches('Z').split([':', '.']).map(str::parse::<i64>);
    let mut next = || parts.next()?.ok();
    let (hours, minutes, seconds) = (next()?, next()?, next()?);
    Some(i64::try_from(day.seconds()).ok()? + hours * 3600 + minutes * 60 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(day: &str, id: i128) -> Point {
        Point { at: seconds(&format!("{day}T00:00:00Z")).unwrap(), id }
    }

    fn history(now: Point, past: &[Point]) -> History {
        History { now, past: past.iter().map(|point| (*point, " by a test".to_owned())).collect() }
    }

    fn days(exhaustion: &Exhaustion) -> (String, Option<String>) {
        (exhaustion.earliest.to_string(), exhaustion.latest.map(|day| day.to_string()))
    }

    #[test]
    fn times_are_read_as_servers_and_rows_write_them() {
        assert_eq!(seconds("1970-01-02T00:00:01Z"), Some(86_401));
        assert_eq!(seconds("2024-02-29 12:30:15.250000"), Some(1_709_209_815));
        assert_eq!(seconds("0000-00-00T00:00:00"), None);
        assert_eq!(seconds("soon"), None);
    }

    #[test]
    fn one_rate_gives_a_range_around_its_date() {
        // 100 a day, and 10,000 are left: in 100 days, give or take a quarter.
        let one = history(point("2026-01-11", 2_000), &[point("2026-01-01", 1_000)]).passes(12_000, "the key").unwrap();
        assert_eq!(days(&one), ("2026-04-01".to_owned(), Some("2026-05-16".to_owned())));
        assert_eq!(one.assumption, "the key keeps growing by 100 ids a day, as since 2026-01-01 by a test (± 25 %)");
    }

    #[test]
    fn two_rates_are_the_ends_of_the_range() {
        let past = [point("2025-01-01", 0), point("2026-01-01", 1_000)];
        let two = history(point("2026-01-11", 3_000), &past).passes(5_000, "the key").unwrap();
        // 200 a day lately, 8 a day on the whole.
        assert_eq!(days(&two), ("2026-01-21".to_owned(), Some("2026-09-18".to_owned())));
        assert!(two.assumption.contains("by 8 to 200 ids a day (8 since 2025-01-01"), "{two:?}");
    }

    #[test]
    fn a_key_that_stands_still_may_last_for_ever() {
        let now = point("2026-01-11", 3_000);
        assert_eq!(history(now, &[point("2026-01-01", 3_000)]).passes(5_000, "the key"), None);
        let slower =
            history(now, &[point("2025-01-01", 0), point("2026-01-01", 3_000)]).passes(5_000, "the key").unwrap();
        assert_eq!(slower.latest, None);
        assert_eq!(history(now, &[]).passes(5_000, "the key"), None, "nothing is known");
        assert_eq!(history(now, &[point("2026-01-01", 9_000)]).passes(5_000, "the key"), None, "it went back");
        assert_eq!(
            history(now, &[point("2026-01-10", 2_999)]).passes(i128::from(u64::MAX), "the key"),
            None,
            "in ages"
        );
    }

    #[test]
    fn what_is_full_is_full_today() {
        let full = history(point("2026-01-11", 127), &[]).passes(127, "the key").unwrap();
        assert_eq!(days(&full), ("2026-01-11".to_owned(), Some("2026-01-11".to_owned())));
    }
}

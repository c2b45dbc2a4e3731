//! Judging a history: known changes in synthetic series, and hand-made ones.

#[path = "common/synthetic.rs"]
mod synthetic;

use highwater_judge::{Series, Trend, judge_history};
use synthetic::{Score, history};

const DAY: i64 = 86_400;

fn series(values: Vec<f64>, noise: f64) -> Series {
    let times = (0..values.len() as i64).map(|index| index * DAY).collect();
    Series { values, times, noise }
}

fn judge(values: Vec<f64>, noise: f64) -> Trend {
    judge_history(&[series(values, noise)]).remove(0)
}

/// Values that change at indices to levels.
fn levels(length: usize, levels: &[(usize, f64)]) -> Vec<f64> {
    let level = |index| levels.iter().rev().find(|(from, _)| index >= *from).map_or(100.0, |(_, level)| *level);
    (0..length).map(level).collect()
}

#[test]
fn changes_are_found_and_little_else_is_reported() {
    let mut score = Score::default();
    for seed in 1..=4 {
        let history = history(seed, 300, 300, 0.15);
        let series: Vec<Series> = history.iter().map(|it| it.series.clone()).collect();
        score.add(&history, &judge_history(&series));
    }
    assert!(score.precision() >= 0.95 && score.findings > 80, "{score:?}");
    for (found, all) in [score.steps[1], score.steps[2], score.ramps] {
        assert!(found * 10 >= all * 9 && all > 20, "{score:?}");
    }
}

#[test]
fn unchanged_histories_have_no_findings() {
    for seed in 1..=10 {
        let series: Vec<Series> = history(seed, 200, 300, 0.0).into_iter().map(|it| it.series).collect();
        let trends = judge_history(&series);
        assert!(trends.iter().all(Trend::is_empty), "{seed}");
    }
}

#[test]
fn a_step_of_an_exact_quantity_is_found_at_its_revision() {
    let trend = judge(levels(40, &[(20, 116.0)]), 0.0);
    let [point] = trend.change_points[..] else { panic!("{trend:?}") };
    assert_eq!((point.index, point.from, point.to, point.change()), (20, 100.0, 116.0, 16.0));
    assert!(point.p < 1e-6 && trend.creep.is_empty());
}

#[test]
fn a_change_within_the_noise_floor_is_not_reported() {
    let values = || levels(40, &[(20, 116.0)]);
    assert!(judge(values(), 16.0).is_empty());
    assert_eq!(judge(values(), 15.0).change_points.len(), 1);
}

#[test]
fn a_regression_that_was_reverted_is_two_change_points() {
    let trend = judge(levels(100, &[(50, 200.0), (56, 100.0)]), 10.0);
    let found: Vec<(usize, f64)> = trend.change_points.iter().map(|point| (point.index, point.change())).collect();
    assert_eq!(found, [(50, 100.0), (56, -100.0)]);
}

#[test]
fn six_small_steps_are_creep_by_week() {
    // 12 B each week for six weeks: each step is below the tolerance of 16 B.
    let values: Vec<f64> = (0..49).map(|day| 1000.0 + 12.0 * f64::from(day / 7)).collect();
    let trend = judge(values, 16.0);
    let [creep] = trend.creep[..] else { panic!("{trend:?}") };
    assert_eq!((creep.first, creep.last_step, creep.last, creep.total()), (0, 42, 48, 72.0));
    assert!((creep.per_week.expect("weeks") - 12.0).abs() < 0.5, "{creep:?}");
    assert!((creep.per_revision - 12.0 / 7.0).abs() < 0.1 && (creep.weeks - 48.0 / 7.0).abs() < 1e-9);
    assert!(trend.change_points.is_empty());
}

#[test]
fn creep_that_ended_has_its_own_range() {
    let ramp = |index: usize| 10.0 * (index.clamp(100, 200) / 10) as f64;
    let trend = judge((0..300).map(ramp).collect(), 15.0);
    let [creep] = trend.creep[..] else { panic!("{trend:?}") };
    assert_eq!((creep.first, creep.last_step, creep.total()), (100, 200, 100.0), "{creep:?}");
}

#[test]
fn a_step_and_creep_are_told_apart() {
    let values = (0..200).map(|index| 8.0 * (index / 20) as f64 + if index >= 100 { 500.0 } else { 0.0 });
    let trend = judge(values.collect(), 20.0);
    let points: Vec<usize> = trend.change_points.iter().map(|point| point.index).collect();
    assert_eq!((points, trend.creep.len()), (vec![100], 2), "{trend:?}");
}

#[test]
fn few_revisions_and_no_values_have_no_findings() {
    assert!(judge(levels(10, &[(5, 200.0)]), 0.0).is_empty());
    assert_eq!(judge(levels(12, &[(6, 200.0)]), 0.0).change_points.len(), 1);
    for values in [vec![], vec![1.0], vec![f64::NAN; 30]] {
        assert!(judge(values, 0.0).is_empty());
    }
}

#[test]
fn each_finding_needs_more_evidence_among_more_series() {
    let alone = series(levels(12, &[(6, 200.0)]), 0.0);
    let mut many = vec![series(vec![1.0; 12], 0.0); 50];
    many.push(alone.clone());
    assert!(!judge_history(&[alone])[0].is_empty());
    assert!(judge_history(&many).iter().all(Trend::is_empty));
}

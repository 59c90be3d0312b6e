//! The coefficients of Dormand and Prince 1980, table 2 (RK5(4)7M).

/// Stages of a step; the last is the first of the next step.
pub(super) const STAGES: usize = 7;

/// When each stage but the first is evaluated, as a fraction of the step.
pub(super) const NODES: [f64; STAGES - 1] = [1.0 / 5.0, 3.0 / 10.0, 4.0 / 5.0, 8.0 / 9.0, 1.0, 1.0];

/// How much of each earlier velocity leads to each stage but the first. The last row leads to the new state.
pub(super) const COUPLING: [&[f64]; STAGES - 1] = [
    &[1.0 / 5.0],
    &[3.0 / 40.0, 9.0 / 40.0],
    &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
    &[19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0],
    &[9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0],
    &[35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
];

/// Weights of the fourth-order solution that the fifth-order one is compared with.
const FOURTH_ORDER: [f64; STAGES] =
    [5179.0 / 57600.0, 0.0, 7571.0 / 16695.0, 393.0 / 640.0, -92097.0 / 339_200.0, 187.0 / 2100.0, 1.0 / 40.0];

/// Weights of the error estimate: fifth-order solution minus fourth-order solution.
pub(super) fn error_weights() -> [f64; STAGES] {
    let fifth = COUPLING[STAGES - 2];
    std::array::from_fn(|i| fifth.get(i).copied().unwrap_or(0.0) - FOURTH_ORDER[i])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_sum_to_their_nodes_and_errors_to_zero() {
        for (row, node) in COUPLING.iter().zip(NODES) {
            assert!((row.iter().sum::<f64>() - node).abs() < 1e-14, "row {row:?} at {node}");
        }
        assert!(error_weights().iter().sum::<f64>().abs() < 1e-15);
    }

    #[test]
    fn quadrature_is_exact_to_the_stated_degrees() {
        // On a field of the time alone the weights are a quadrature rule: exact for t^0 .. t^4, and to t^3 for the companion.
        let node = |i: usize| if i == 0 { 0.0 } else { NODES[i - 1] };
        for degree in 0..5 {
            let apply =
                |weights: &[f64]| -> f64 { weights.iter().enumerate().map(|(i, w)| w * node(i).powi(degree)).sum() };
            let exact = 1.0 / f64::from(degree + 1);
            assert!((apply(COUPLING[STAGES - 2]) - exact).abs() < 1e-14, "degree {degree}");
            assert_eq!((apply(&FOURTH_ORDER) - exact).abs() < 1e-14, degree < 4, "degree {degree}");
        }
    }
}

//! "Did you mean …?"

/// The longest name that is worth comparing.
const LENGTH_MAX: usize = 64;

/// The candidate that `name` is most likely a misspelling of, if one is near enough: about one slip in three
/// characters; whether letters are large or small is none. Of equally near ones, the first.
#[must_use]
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    if length > LENGTH_MAX {
        return None;
    }
    let near = |candidate: &'a str| {
        let slips = distance(&name.to_lowercase(), &candidate.to_lowercase());
        let slips_max = length.max(candidate.len()) / 3;
        (slips <= slips_max.max(1)).then_some((slips, candidate))
    };
    let comparable = candidates.into_iter().filter(|candidate| candidate.len() <= 2 * LENGTH_MAX);
    comparable.filter_map(near).min_by_key(|&(slips, _)| slips).map(|(_, candidate)| candidate)
}

/// How many slips lie between two names: a character left out, added, replaced, or swapped with its neighbour
/// (optimal string alignment).
fn distance(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().collect();
    let to: Vec<char> = to.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=to.len()).collect();
    for row in 1..=from.len() {
        let mut current = vec![row];
        for column in 1..=to.len() {
            let replaced = above[column - 1] + usize::from(from[row - 1] != to[column - 1]);
            let mut least = replaced.min(above[column] + 1).min(current[column - 1] + 1);
            let swapped =
                row > 1 && column > 1 && from[row - 1] == to[column - 2] && from[row - 2] == to[column - 1];
            if swapped {
                least = least.min(before[column - 2] + 1);
            }
            current.push(least);
        }
        before = std::mem::replace(&mut above, current);
    }
    above[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        let known = ["latency", "loss", "duplication", "delay", "delay-max"];
        let cases = [
            ("latncy", Some("latency")),
            ("lsos", Some("loss")),
            ("delay_max", Some("delay-max")),
            ("dupplication", Some("duplication")),
            ("los", Some("loss")),
            ("lattenzy", Some("latency")),
            ("drift", None),
            ("", None),
            ("日本", None),
        ];
        for (name, expected) in cases {
            assert_eq!(did_you_mean(name, known), expected, "{name}");
        }
        assert_eq!(did_you_mean(&"l".repeat(10_000), known), None);
        assert_eq!(did_you_mean("loss", []), None);
    }
}

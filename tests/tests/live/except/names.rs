//! Names of every length, from both sides: as the text of a call has them, and as a working directory is called.

use super::*;

/// One byte, as long as a pattern's end, one more or less, and as long as a name can be.
const LENGTHS: [usize; 5] = [1, 15, 16, 17, 255];

/// An exception, names of one length that it means, and such that it nearly does.
struct Case {
    except: String,
    meant: String,
    near: Vec<String>,
}

/// A letter of its own for each keeps them apart, and from all other names, which are digits.
fn cases() -> Vec<Case> {
    let lengths = LENGTHS.into_iter().zip("abcde".chars().zip("fghij".chars().zip("klmno".chars())));
    let mut cases: Vec<_> = lengths
        .flat_map(|(length, (whole, (head, tail)))| {
            [exact(length, whole), begins(length, head), ends(length, tail)]
        })
        .collect();
    let (x, y) = ("x".repeat(16), "y".repeat(16));
    cases.push(Case {
        except: format!("{x}*{y}"),
        meant: format!("{x}{y}"),
        near: vec![format!("{x}{}", &y[1..]), format!("{}{y}", &x[1..]), format!("{x}{y}_")],
    });
    cases
}

fn exact(length: usize, letter: char) -> Case {
    let name = |count: usize| letter.to_string().repeat(count);
    let near = [(length > 1).then(|| name(length - 1) + "_"), (length < 255).then(|| name(length) + "_")];
    Case { except: name(length), meant: name(length), near: near.into_iter().flatten().collect() }
}

fn begins(length: usize, letter: char) -> Case {
    let name = |count: usize| letter.to_string().repeat(count);
    let mut near = vec![format!("_{}", name((length - 1).max(1)))];
    if length >= 16 {
        near.push(format!("{}_{}", name(15), name(length - 16)));
    }
    Case { except: format!("{}*", name(length.min(16))), meant: name(length), near }
}

fn ends(length: usize, letter: char) -> Case {
    let Case { except, meant, near } = begins(length, letter);
    let reversed = |text: String| text.chars().rev().collect::<String>();
    Case { except: reversed(except), meant, near: near.into_iter().map(reversed).collect() }
}

fn lay(party: &Party, name: &str) -> Result<()> {
    file(&party.ground, &format!("1/{name}"))?;
    party.ground.make_directory(&party.ground.tree().join("2").join(name))?;
    file(&party.ground, &format!("2/{name}/0"))
}

pub(super) fn of_every_length(tier: Tier) -> Result<()> {
    let cases = cases();
    let party = Party::new(0)?;
    for directory in ["1", "2"] {
        party.ground.make_directory(&party.ground.tree().join(directory))?;
    }
    for Case { meant, near, .. } in &cases {
        lay(&party, meant)?;
        near.iter().try_for_each(|name| lay(&party, name))?;
    }
    let except: Vec<_> = cases.iter().map(|case| format!("**/{}", case.except)).collect();
    let mut crowd = Crowd::watched(vec![party], |policy| counts(policy, tier, &except))?;
    each_row(cases.iter().map(|case| (case.except.clone(), case)), |Case { meant, near, .. }| {
        let steps = |name: &String| {
            [
                format!("unlink 1/{name}"),
                format!("chdir {{tree}}/2/{name}"),
                "unlink 0".to_owned(),
                "chdir {tree}".to_owned(),
            ]
        };
        for (names, each) in [(std::slice::from_ref(meant), 0), (&near[..], 2)] {
            let steps: Vec<_> = names.iter().flat_map(steps).collect();
            let kinds = kinds(&mut crowd, &steps.iter().map(String::as_str).collect::<Vec<_>>())?;
            let expected = vec!["delete"; each * names.len()].join("+");
            ensure!(kinds == expected, "{names:?}: {kinds:?} instead of {expected:?}");
        }
        Ok(())
    })?;
    crowd.end().map(drop)
}

//! Organisation of the demonstration: about sixty containers and four hundred people, generated deterministically from
//! word lists. No real person or company may appear here.

use super::tree::Tree;
use std::collections::HashMap;

/// Bind DN of the demonstration.
pub const ACCOUNT: &str = "cn=jim,ou=service,dc=demo,dc=example";

const PEOPLE: u64 = 400;

/// Containers, two blanks per level, with a description after the bar; `*` marks those with people.
const DEMO: &str = "\
service | Accounts of programs
Corporate | Head office functions
  Finance* | Accounting, treasury and tax
    Accounts Payable*
    Accounts Receivable*
    Controlling* | Planning and reporting
  People & Culture*
    Recruiting*
    Payroll* | Salaries and pensions
  Legal* | Contracts and compliance
  Communications*
Engineering | Everything that is built
  Platform* | Shared infrastructure
    Storage*
    Networks*
    Identity* | Directories and access
      On-call* | Rotating duty roster
      Tooling*
  Products
    Desktop*
    Mobile*
      Android*
      iOS*
        Release* | Store releases
    Web*
  Quality* | Test and certification
  Research* | Projects beyond the next release
Sales, EMEA | Europe, Middle East and Africa
  Germany*
    Berlin*
    Köln*
  Switzerland*
    Zürich* | German-speaking Switzerland
    Genève*
  United Kingdom*
    London*
    Edinburgh*
  Nordics*
Sales, Americas
  Canada*
    Montréal*
  United States*
    East*
    West*
  Brazil* | São Paulo office
Operations
  Facilities* | Buildings and fleet
  Service Desk* | First line of support
    Evening Shift*
  Logistics*
  Field Service*
Alumni* | Former staff who keep an account";

const PARTNERS: &str = "\
Resellers | Companies that sell on their own account
  Northwind Traders*
  Blue Harbour*
  Fjord & Sons*
Suppliers
  Components* | Parts and assemblies
  Cleaning*
  Catering* | Canteen and events
Consultants | Time-limited contracts
  Audit*
  Training*";

#[rustfmt::skip]
/// First names with their spelling in addresses.
const FIRST: &[(&str, &str)] = &[
    ("Alice", "alice"), ("Amara", "amara"), ("Anton", "anton"), ("Beatriz", "beatriz"), ("Benjamin", "benjamin"),
    ("Chloé", "chloe"), ("Daniel", "daniel"), ("Elif", "elif"), ("Emma", "emma"), ("Farid", "farid"),
    ("Freya", "freya"), ("George", "george"), ("Hanna", "hanna"), ("Ibrahim", "ibrahim"), ("Ingrid", "ingrid"),
    ("Jürgen", "juergen"), ("Kavita", "kavita"), ("Lars", "lars"), ("Lucía", "lucia"), ("Marta", "marta"),
    ("Nadia", "nadia"), ("Oliver", "oliver"), ("Priya", "priya"), ("Rosa", "rosa"), ("Søren", "soren"),
    ("Tomasz", "tomasz"), ("Uma", "uma"), ("Victor", "victor"), ("Yusuf", "yusuf"), ("Zoë", "zoe"),
];

#[rustfmt::skip]
/// Surnames with their spelling in addresses.
const LAST: &[(&str, &str)] = &[
    ("Adeyemi", "adeyemi"), ("Andersson", "andersson"), ("Baker", "baker"), ("Brandt", "brandt"),
    ("Campbell", "campbell"), ("Carvalho", "carvalho"), ("Dubois", "dubois"), ("Evans", "evans"),
    ("Fischer", "fischer"), ("García", "garcia"), ("Gupta", "gupta"), ("Hughes", "hughes"), ("Ivanova", "ivanova"),
    ("Jansen", "jansen"), ("Kaya", "kaya"), ("Kowalski", "kowalski"), ("Lindqvist", "lindqvist"),
    ("Moreau", "moreau"), ("Müller", "mueller"), ("Nakamura", "nakamura"), ("O'Brien", "obrien"),
    ("Okafor", "okafor"), ("Patel", "patel"), ("Rossi", "rossi"), ("Schäfer", "schaefer"), ("Silva", "silva"),
    ("Tremblay", "tremblay"), ("Walker", "walker"), ("Weber", "weber"), ("Young", "young"),
];

/// The organisation, in the naming contexts `dc=demo,dc=example` and `o=partners`.
pub fn sample() -> Tree {
    let mut places = Vec::new();
    let mut tree = Tree::new().suffix("dc=demo,dc=example");
    tree = containers(tree, "dc=demo,dc=example", DEMO, &mut places);
    tree = tree.entry(
        ACCOUNT,
        &[
            ("objectClass", &["top", "organizationalRole"]),
            ("cn", &["jim"]),
            ("description", &["Reads the directory for identity synchronisation"]),
        ],
    );
    tree = containers(tree.suffix("o=partners"), "o=partners", PARTNERS, &mut places);
    people(tree, &places)
}

/// Adds the containers of an outline; `places` collects those with people.
fn containers(mut tree: Tree, suffix: &str, outline: &str, places: &mut Vec<String>) -> Tree {
    let mut path = vec![suffix.to_owned()];
    for line in outline.lines() {
        let (name, description) = match line.split_once(" | ") {
            Some((name, description)) => (name, Some(description)),
            None => (line, None),
        };
        let name = name.trim_start();
        let depth = (line.len() - line.trim_start().len()) / 2;
        path.truncate(depth + 1);
        let plain = name.trim_end_matches('*');
        let parent = path.last().map(String::as_str).unwrap_or(suffix);
        let dn = format!("ou={},{parent}", plain.replace(',', "\\,"));
        if name.ends_with('*') {
            places.push(dn.clone());
        }
        let mut attributes: Vec<(&str, &[&str])> =
            vec![("objectClass", &["top", "organizationalUnit"]), ("ou", std::slice::from_ref(&plain))];
        if let Some(description) = &description {
            attributes.push(("description", std::slice::from_ref(description)));
        }
        tree = tree.entry(&dn, &attributes);
        path.push(dn);
    }
    tree
}

/// Distributes the people evenly over the places.
fn people(mut tree: Tree, places: &[String]) -> Tree {
    let mut taken: HashMap<String, u32> = HashMap::new();
    let pick = |number: u64, of: usize| usize::try_from(number % (of.max(1) as u64)).unwrap_or_default();
    for number in 0..PEOPLE {
        let dice = hash(number);
        let Some(&(first, first_ascii)) = FIRST.get(pick(dice, FIRST.len())) else { continue };
        let Some(&(last, last_ascii)) = LAST.get(pick(dice >> 16, LAST.len())) else { continue };
        let Some(place) = places.get(pick(dice >> 32, places.len())) else { continue };
        let account = format!("{first_ascii}.{last_ascii}");
        let count = taken.entry(account.clone()).or_default();
        *count += 1;
        let uid = if *count == 1 { account } else { format!("{account}{count}") };
        let domain = if place.ends_with("o=partners") { "partners.example" } else { "demo.example" };
        tree = tree.entry(
            &format!("uid={uid},{place}"),
            &[
                ("objectClass", &["top", "person", "organizationalPerson", "inetOrgPerson"]),
                ("uid", &[&uid]),
                ("cn", &[&format!("{first} {last}")]),
                ("givenName", &[first]),
                ("sn", &[last]),
                ("mail", &[&format!("{uid}@{domain}")]),
                ("userPassword", &["{SSHA}not-a-password"]),
            ],
        );
    }
    tree
}

/// Hash that is the same at every start (splitmix64).
fn hash(number: u64) -> u64 {
    let mut x = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_complete_and_always_the_same() {
        let (a, b) = (sample(), sample());
        assert_eq!(a.errors(), []);
        let is = |tree: &Tree, class: &str| {
            let has = |e: &&super::super::entry::Entry| {
                e.values("objectClass").is_some_and(|v| v.iter().any(|c| c == class.as_bytes()))
            };
            tree.entries.values().filter(has).count()
        };
        assert_eq!(is(&a, "inetOrgPerson"), 400);
        let units = is(&a, "organizationalUnit");
        assert!((55..=70).contains(&units), "{units}");
        assert!(a.find("ou=sales\\2c emea,dc=demo,dc=example").is_ok());
        assert!(a.find("ou=Zürich,ou=Switzerland,ou=Sales\\, EMEA,dc=demo,dc=example").is_ok());
        assert!(a.find(ACCOUNT).is_ok());
        for (id, entry) in &a.entries {
            assert_eq!(b.entries.get(id).map(|e| (&e.dn, e.uuid)), Some((&entry.dn, entry.uuid)));
        }
    }
}

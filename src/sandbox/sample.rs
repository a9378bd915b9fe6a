//! Organisation of the demonstration: about sixty containers and four hundred people with managers and groups, generated deterministically from
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

/// Titles of people who lead no place.
const TITLES: [&str; 6] = ["Analyst", "Assistant", "Engineer", "Senior Engineer", "Specialist", "Trainee"];

/// Groups with their containers, from which all people or only those who lead are members.
const GROUPS: [(&str, &str, bool); 3] = [
    ("Engineering Leads", "ou=Engineering,dc=demo,dc=example", true),
    ("Platform Team", "ou=Platform,ou=Engineering,dc=demo,dc=example", false),
    ("Research Team", "ou=Research,ou=Engineering,dc=demo,dc=example", false),
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
    organisation(tree, &places).with_refint()
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

/// A person, before the entry is made.
struct Person<'a> {
    names: (&'a str, &'a str),
    uid: String,
    place: usize,
    dice: u64,
}

/// Adds people and groups; the first person of a place leads it.
fn organisation(mut tree: Tree, places: &[String]) -> Tree {
    let people = people(places);
    let mut leads: Vec<Option<&Person>> = vec![None; places.len()];
    for person in &people {
        if let Some(lead @ None) = leads.get_mut(person.place) {
            *lead = Some(person);
        }
    }
    let name = |person: &Person| Some(format!("uid={},{}", person.uid, places.get(person.place)?));
    for person in &people {
        let Some(place) = places.get(person.place) else { continue };
        let lead = leads.get(person.place).copied().flatten().filter(|lead| lead.uid != person.uid);
        let manager = match lead {
            Some(lead) => Some(lead),
            None => above(places, place).and_then(|above| leads.get(above).copied().flatten()),
        };
        tree = entry(tree, person, place, lead.is_some(), manager.and_then(name));
    }
    for (group, container, leads_only) in GROUPS {
        let inside = |p: &&Person| places.get(p.place).is_some_and(|place| place.ends_with(container));
        let led = |p: &&Person| leads.get(p.place).copied().flatten().is_some_and(|lead| lead.uid == p.uid);
        let members = people.iter().filter(inside).filter(|p| !leads_only || led(p)).filter_map(name);
        let members: Vec<String> = members.collect();
        let members: Vec<&str> = members.iter().map(String::as_str).collect();
        let attributes: [(&str, &[&str]); 2] = [("objectClass", &["top", "groupOfNames"]), ("member", &members)];
        tree = tree.entry(&format!("cn={group},{container}"), &attributes);
    }
    tree
}

/// Nearest place above another.
fn above(places: &[String], place: &str) -> Option<usize> {
    let is_above = |above: &&String| place.strip_suffix(above.as_str()).is_some_and(|rest| rest.ends_with(','));
    let nearest = places.iter().filter(is_above).max_by_key(|above| above.len())?;
    places.iter().position(|other| other == nearest)
}

/// Distributes the people evenly over the places.
fn people(places: &[String]) -> Vec<Person<'static>> {
    let mut taken: HashMap<String, u32> = HashMap::new();
    let mut people = Vec::new();
    for number in 0..PEOPLE {
        let dice = hash(number);
        let Some(&(first, first_ascii)) = FIRST.get(pick(dice, FIRST.len())) else { continue };
        let Some(&(last, last_ascii)) = LAST.get(pick(dice >> 16, LAST.len())) else { continue };
        let account = format!("{first_ascii}.{last_ascii}");
        let count = taken.entry(account.clone()).or_default();
        *count += 1;
        let uid = if *count == 1 { account } else { format!("{account}{count}") };
        people.push(Person { names: (first, last), uid, place: pick(dice >> 32, places.len()), dice });
    }
    people
}

fn pick(number: u64, of: usize) -> usize {
    usize::try_from(number % (of.max(1) as u64)).unwrap_or_default()
}

/// Adds the entry of a person.
fn entry(tree: Tree, person: &Person, place: &str, is_led: bool, manager: Option<String>) -> Tree {
    let (uid, (first, last)) = (person.uid.as_str(), person.names);
    let domain = if place.ends_with("o=partners") { "partners.example" } else { "demo.example" };
    let unit = place.split(',').next().and_then(|rdn| rdn.strip_prefix("ou=")).unwrap_or_default();
    let head = format!("Head of {unit}");
    let usual = TITLES.get(pick(person.dice >> 48, TITLES.len())).copied().unwrap_or_default();
    let title = if is_led { usual } else { head.as_str() };
    let manager = manager.as_deref();
    let attributes: [(&str, &[&str]); 9] = [
        ("objectClass", &["top", "person", "organizationalPerson", "inetOrgPerson"]),
        ("uid", &[uid]),
        ("cn", &[&format!("{first} {last}")]),
        ("givenName", &[first]),
        ("sn", &[last]),
        ("mail", &[&format!("{uid}@{domain}")]),
        ("title", &[title]),
        ("userPassword", &["{SSHA}not-a-password"]),
        ("manager", manager.as_slice()),
    ];
    // The last one only where there is one: an attribute has a value.
    let count = attributes.len() - usize::from(manager.is_none());
    tree.entry(&format!("uid={uid},{place}"), attributes.get(..count).unwrap_or_default())
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
        assert_eq!((is(&a, "inetOrgPerson"), is(&a, "groupOfNames")), (400, 3));
        let units = is(&a, "organizationalUnit");
        assert!((55..=70).contains(&units), "{units}");
        assert!(a.find("ou=sales\\2c emea,dc=demo,dc=example").is_ok());
        assert!(a.find("ou=Zürich,ou=Switzerland,ou=Sales\\, EMEA,dc=demo,dc=example").is_ok());
        assert!(a.find(ACCOUNT).is_ok());
        for (id, entry) in &a.entries {
            assert_eq!(b.entries.get(id).map(|e| (&e.dn, e.uuid)), Some((&entry.dn, entry.uuid)));
        }
    }
    #[test]
    fn managers_and_members_are_entries() {
        let tree = sample();
        let values = |e: &super::super::entry::Entry, name: &str| e.values(name).unwrap_or_default().to_vec();
        let (mut managed, mut members) = (0, Vec::new());
        for entry in tree.entries.values() {
            let (above, below) = (values(entry, "manager"), values(entry, "member"));
            managed += above.len();
            if !below.is_empty() {
                members.push(below.len());
            }
            for name in above.iter().chain(&below) {
                let name = std::str::from_utf8(name).expect("text");
                assert!(tree.find(name).is_ok() && name != entry.dn, "{name}");
            }
        }
        members.sort_unstable();
        assert!(managed > 350 && managed < 400, "{managed}");
        assert!(members.len() == 3 && members[0] >= 5, "{members:?}");
    }
}

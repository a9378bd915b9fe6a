//! People and groups for the benchmarks of object imports: as LDIF, and the changes of some.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::slapd::SUFFIX;

/// Unit that holds all of them.
pub const STAFF: &str = "ou=Staff,dc=example,dc=com";
/// Attributes of a person.
pub const PERSON: [&str; 15] = [
    "uid",
    "cn",
    "sn",
    "givenName",
    "displayName",
    "mail",
    "title",
    "telephoneNumber",
    "mobile",
    "employeeNumber",
    "employeeType",
    "departmentNumber",
    "roomNumber",
    "l",
    "manager",
];
/// Attributes of a group.
pub const GROUP: [&str; 2] = ["cn", "member"];
/// Members of a group.
pub const MEMBERS: usize = 100;

/// Groups beside so many people: each person is in one.
pub fn groups(people: usize) -> usize {
    (people / MEMBERS).max(1)
}

fn dn(person: usize) -> String {
    format!("uid=p{person:07},ou=People,{STAFF}")
}

/// Writes the units, people and groups.
pub fn write(folder: &Path, people: usize) -> PathBuf {
    let path = folder.join("people.ldif");
    let mut file = BufWriter::new(File::create(&path).expect("people.ldif created"));
    let mut write = |entry: String| file.write_all(entry.as_bytes()).expect("people.ldif written");
    for unit in [STAFF.to_owned(), format!("ou=People,{STAFF}"), format!("ou=Groups,{STAFF}")] {
        let name = unit.trim_start_matches("ou=").split(',').next().unwrap_or_default();
        write(format!("dn: {unit}\nobjectClass: organizationalUnit\nou: {name}\n\n"));
    }
    (0..people).for_each(|person| write(entry(person)));
    let groups = groups(people);
    for group in 0..groups {
        let mut entry = format!("dn: cn=Group {group:05},ou=Groups,{STAFF}\nobjectClass: groupOfNames\n");
        // Spread over all people, as memberships are.
        for member in (0..MEMBERS.min(people)).map(|n| dn((group + n * groups) % people)) {
            let _ = writeln!(entry, "member: {member}");
        }
        entry.push('\n');
        write(entry);
    }
    file.flush().expect("people.ldif written");
    path
}

fn entry(person: usize) -> String {
    format!(
        "dn: {}\nobjectClass: inetOrgPerson\ncn: Given{} Surname{person}\nsn: Surname{person}\ngivenName: Given{}\n\
         displayName: Surname{person}, Given{}\nmail: p{person:07}@mail.example.com\ntitle: Engineer\n\
         telephoneNumber: +44 20 {person:07}\nmobile: +44 7700 {person:07}\nemployeeNumber: {person:08}\n\
         employeeType: permanent\ndepartmentNumber: {}\nroomNumber: {}\nl: Town {}\nmanager: {}\n\n",
        dn(person),
        person % 977,
        person % 977,
        person % 977,
        person % 120,
        person % 4_000,
        person % 35,
        // Person 0 has no one above and is named as its own.
        dn(person / 10),
    )
}

/// Writes a change of every hundredth person's title, as `ldapmodify` reads it; how many they are.
pub fn write_changes(folder: &Path, people: usize, round: usize) -> (PathBuf, usize) {
    let path = folder.join("changes.ldif");
    let mut file = BufWriter::new(File::create(&path).expect("changes.ldif created"));
    let changed = (0..people).step_by(100);
    let count = changed.len();
    for person in changed {
        let change = format!("dn: {}\nchangetype: modify\nreplace: title\ntitle: Engineer {round}\n\n", dn(person));
        file.write_all(change.as_bytes()).expect("changes.ldif written");
    }
    file.flush().expect("changes.ldif written");
    (path, count)
}

/// Bind DN and password that may change them.
pub fn administrator() -> (String, &'static str) {
    (format!("cn=admin,{SUFFIX}"), "admin")
}

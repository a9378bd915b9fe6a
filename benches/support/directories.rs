//! The directories that are read in the benchmarks, filled to any size: OpenLDAP, a Samba domain, 389 Directory
//! Server, each started by the project's own scripts.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::daemon::Certificate;
use super::ds389::{self, Ds389};
use super::people;
use super::samba::{self, Samba};
use super::slapd::{self, PARTNERS, Setup, Slapd};

/// What counts as a container; the same search that an import makes.
const CONTAINERS: &str = "(|(objectClass=organizationalUnit)(objectClass=container)(objectClass=organization)\
    (objectClass=locality)(objectClass=country)(objectClass=domain)(objectClass=builtinDomain)\
    (objectClass=lostAndFound)(objectClass=nsContainer))";

/// A running directory and the ordinary account that reads it.
pub struct Directory {
    pub name: &'static str,
    pub url: String,
    pub account: &'static str,
    pub password: &'static str,
    base: &'static str,
    attributes: &'static [&'static str],
    schema: &'static [SchemaSearch],
    _server: Running,
}

/// A search for definitions of the schema.
struct SchemaSearch {
    base: &'static str,
    scope: &'static str,
    filter: &'static str,
    attributes: &'static [&'static str],
}

const fn subschema(base: &'static str) -> SchemaSearch {
    let attributes = &["objectClasses", "attributeTypes", "dITContentRules", "ldapSyntaxes"];
    SchemaSearch { base, scope: "base", filter: "(objectClass=subschema)", attributes }
}

const OPEN_LDAP_SCHEMA: [SchemaSearch; 1] = [subschema("cn=Subschema")];
const DS389_SCHEMA: [SchemaSearch; 1] = [subschema("cn=schema")];
const SAMBA_SCHEMA: [SchemaSearch; 2] = [
    SchemaSearch {
        base: "CN=Schema,CN=Configuration,DC=lab,DC=test",
        scope: "one",
        filter: "(objectClass=classSchema)",
        attributes: &[
            "lDAPDisplayName",
            "governsID",
            "objectClassCategory",
            "isDefunct",
            "defaultHidingValue",
            "description",
            "adminDescription",
            "subClassOf",
            "auxiliaryClass",
            "systemAuxiliaryClass",
            "mayContain",
            "mustContain",
            "systemMayContain",
            "systemMustContain",
        ],
    },
    SchemaSearch {
        base: "CN=Schema,CN=Configuration,DC=lab,DC=test",
        scope: "one",
        filter: "(objectClass=attributeSchema)",
        attributes: &[
            "lDAPDisplayName",
            "attributeID",
            "attributeSyntax",
            "oMSyntax",
            "isSingleValued",
            "systemOnly",
            "systemFlags",
            "linkID",
            "isDefunct",
            "description",
            "adminDescription",
        ],
    },
];

/// Ends the server when it is dropped.
enum Running {
    OpenLdap { _server: Slapd },
    Samba { _server: Samba },
    Ds389 { _server: Ds389 },
}

impl Directory {
    /// OpenLDAP with this many organizational units below the first suffix and one below the second.
    pub fn open_ldap(units: usize) -> Directory {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let ldif = vec![write_units(folder.path(), slapd::SUFFIX, units), write_partner(folder.path())];
        let server = Slapd::start_with(Setup { ldif, ..Setup::default() });
        Directory {
            name: "OpenLDAP",
            url: server.url(),
            account: slapd::SERVICE_DN,
            password: slapd::SERVICE_PASSWORD,
            base: slapd::SUFFIX,
            attributes: &["entryUUID", "nsUniqueId", "description"],
            schema: &OPEN_LDAP_SCHEMA,
            _server: Running::OpenLdap { _server: server },
        }
    }

    /// OpenLDAP with so many people, and groups of them, in one unit.
    pub fn open_ldap_people(people: usize) -> Directory {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let ldif = vec![people::write(folder.path(), people)];
        // The usual limit of 4 GiB is too low for a million.
        let database = "maxsize 34359738368".to_owned();
        let server = Slapd::start_with(Setup { ldif, database, ..Setup::default() });
        Directory {
            name: "OpenLDAP",
            url: server.url(),
            account: slapd::SERVICE_DN,
            password: slapd::SERVICE_PASSWORD,
            base: people::STAFF,
            attributes: &[],
            schema: &OPEN_LDAP_SCHEMA,
            _server: Running::OpenLdap { _server: server },
        }
    }

    /// A Samba domain with this many organizational units beside its own containers. They are added over LDAP, some
    /// hundred a second.
    pub fn samba(units: usize) -> Directory {
        let server = Samba::start(Certificate::Good, false);
        let dns: Vec<String> = (0..units).map(|unit| dn(unit, samba::BASE)).collect();
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(server.administrator().add_ous(&dns));
        Directory::of_samba("Samba AD", server)
    }

    fn of_samba(name: &'static str, server: Samba) -> Directory {
        Directory {
            name,
            url: server.url(),
            account: samba::SERVICE_ACCOUNT,
            password: samba::SERVICE_PASSWORD,
            base: samba::BASE,
            attributes: &["objectGUID", "description", "showInAdvancedViewOnly"],
            schema: &SAMBA_SCHEMA,
            _server: Running::Samba { _server: server },
        }
    }

    /// A Samba domain none of whose classes is hidden by default, so that each is an object type.
    pub fn samba_with_all_classes() -> Directory {
        Directory::of_samba("Samba AD, no class hidden", Samba::start_as(Certificate::Good, false, None, "all"))
    }

    /// 389 Directory Server with this many organizational units.
    pub fn ds389(units: usize) -> Directory {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let ldif = write_units(folder.path(), ds389::BASE, units);
        let server = Ds389::start_with(Certificate::Good, false, Some(ldif));
        // An ordinary account is stopped after looking at 5,000 entries.
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(server.limit("nsLookThroughLimit", Some(-1)));
        Directory {
            name: "389 DS",
            url: server.url(),
            account: ds389::SERVICE_DN,
            password: ds389::SERVICE_PASSWORD,
            base: ds389::BASE,
            attributes: &["entryUUID", "nsUniqueId", "description"],
            schema: &DS389_SCHEMA,
            _server: Running::Ds389 { _server: server },
        }
    }

    /// One reading of everything an import of the hierarchy asks for by `ldapsearch`, which throws away what it prints.
    pub fn ldapsearch(&self) -> Duration {
        self.search(self.base, "sub", CONTAINERS, self.attributes)
    }

    /// One reading of everything an import of the schema asks for.
    pub fn read_schema(&self) -> Duration {
        self.schema.iter().map(|s| self.search(s.base, s.scope, s.filter, s.attributes)).sum()
    }

    /// One reading of everything an import of people and groups asks for.
    pub fn read_objects(&self) -> Duration {
        let ids = ["objectClass", "structuralObjectClass", "entryUUID"];
        let attributes: Vec<&str> = ids.into_iter().chain(people::PERSON).chain(["member"]).collect();
        self.search(self.base, "sub", "(|(objectClass=inetOrgPerson)(objectClass=groupOfNames))", &attributes)
    }

    /// Makes the changes of an LDIF file.
    pub fn modify(&self, changes: &Path) {
        let (account, password) = people::administrator();
        let mut command = Command::new("ldapmodify");
        command.args(["-x", "-H", &self.url, "-D", &account, "-w", password, "-f"]).arg(changes);
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
        assert!(status.is_ok_and(|status| status.success()), "ldapmodify failed");
    }

    fn search(&self, base: &str, scope: &str, filter: &str, attributes: &[&str]) -> Duration {
        let mut command = Command::new("ldapsearch");
        command.args(["-x", "-H", &self.url, "-D", self.account, "-w", self.password, "-b", base, "-s", scope]);
        if scope != "base" {
            command.args(["-E", "pr=1000/noprompt"]);
        }
        command.args(["-LLL", filter]).args(attributes);
        // A domain controller continues into its other partitions; nobody follows.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let begun = Instant::now();
        let status = command.status();
        let took = begun.elapsed();
        match status {
            Ok(status) => assert!(status.success(), "ldapsearch: {status}"),
            Err(why) => panic!("cannot run ldapsearch: {why}; tests/run.sh installs it"),
        }
        took
    }
}

/// Ten units at the top and ten below each unit, parents first: six levels at a million.
fn dn(unit: usize, suffix: &str) -> String {
    let mut dn = format!("ou=Unit {unit:07}");
    let mut below = unit;
    while below >= 10 {
        below = below / 10 - 1;
        let _ = write!(dn, ",ou=Unit {below:07}");
    }
    let _ = write!(dn, ",{suffix}");
    dn
}

fn write_units(folder: &Path, suffix: &str, units: usize) -> PathBuf {
    assert!((1..=1_111_110).contains(&units), "from 1 to 1,111,110 units, which is six levels, not {units}");
    let path = folder.join("units.ldif");
    let mut file = BufWriter::new(File::create(&path).expect("units.ldif created"));
    for unit in 0..units {
        let mut entry = format!("dn: {}\nobjectClass: organizationalUnit\nou: Unit {unit:07}\n", dn(unit, suffix));
        if unit % 10 == 0 {
            let _ = writeln!(entry, "description: The {unit}th unit, with a description like any other");
        }
        entry.push('\n');
        file.write_all(entry.as_bytes()).expect("units.ldif written");
    }
    file.flush().expect("units.ldif written");
    path
}

fn write_partner(folder: &Path) -> PathBuf {
    let path = folder.join("partner.ldif");
    let text = format!("dn: ou=Suppliers,{PARTNERS}\nobjectClass: organizationalUnit\nou: Suppliers\n");
    std::fs::write(&path, text).expect("partner.ldif written");
    path
}

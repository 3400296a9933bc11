//! The customer whose users are the vendors' documented examples, value by value.

use super::{
    roster::Roster,
    rows::{Person, Row, User},
};

/// What the rows of the example carry as `Customer`, although another customer was requested (Acronis PSA
/// guide, "Fetching customer clients").
const DOCUMENTED_CUSTOMER: &str = "ce570f06-f444-426b-b9b0-3aa8ef9b951e";

/// Three persons and two users.
pub(super) fn roster(customer: &str) -> Roster {
    let persons = [administrator(), default_user(), manager()].map(Row::Documented);
    let users = [1, 2].map(|number| Row::Documented(user(customer, number)));
    Roster::of(persons.into(), users.into())
}

fn person(id: &str, last_name: &str, email: &str) -> Person {
    Person {
        id: id.to_owned(),
        customer: DOCUMENTED_CUSTOMER.to_owned(),
        name: format!("cstmr_001 {last_name}"),
        first_name: "cstmr_001".to_owned(),
        last_name: last_name.to_owned(),
        email: Some(email.to_owned()),
        enabled: true,
        ..Person::default()
    }
}

fn administrator() -> Person {
    let id = "65f61819-465d-4fb1-b124-13282aa1fb09";
    let person = person(id, "admin", "cstmr_usr_0810_1014am@mailinator.com");
    Person { role: "ClientManager", ..person.signing_in_as("cstmr_usr_0810_1014am") }
}

fn default_user() -> Person {
    let id = "3767cab4-56b6-4956-91c4-4053f77e8ea4";
    Person { primary_contact: true, ..person(id, "Default User", "Unknown_cstmr001@unknown.com") }
}

fn manager() -> Person {
    let id = "78b7b594-f05e-4e44-9b26-c3d3b44529ee";
    person(id, "Manager", "cstmr001Manager@dummy.com")
}

/// `MyReports` reference, "Users, Get All". The ids are placeholders there (`{USER_ID_1}`); these are ours.
fn user(customer: &str, number: u8) -> User {
    User {
        id: format!("u-{number}"),
        display_name: format!("User {number}"),
        email: Some(format!("user{number}@example.com")),
        primary_tenant: customer.to_owned(),
        is_parent: false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The guide's first element verbatim, without its line breaks.
    const PRINTED: &str = concat!(
        r#"{"Id":"65f61819-465d-4fb1-b124-13282aa1fb09","Customer":"ce570f06-f444-426b-b9b0-3aa8ef9b951e","#,
        r#""Name":"cstmr_001 admin","FirstName":"cstmr_001","LastName":"admin","#,
        r#""Email":"cstmr_usr_0810_1014am@mailinator.com","Username":"cstmr_usr_0810_1014am","Phonenumber":null,"#,
        r#""Enabled":true,"Selected":false,"Role":"ClientManager","IsLogin":true,"#,
        r#""Password":null,"Question":null,"Answer":null,"DaysOffPerYear":15,"UseDefaultDaysOff":false,"#,
        r#""UserWorkingHours":{"Monday":8,"Tuesday":8,"Wednesday":8,"Thursday":8,"Friday":8,"Saturday":0,"Sunday":0},"#,
        r#""IsTier4":false,"PrimaryContact":false,"NotifyPrimaryContact":false,"Countable":false,"Deleted":false,"#,
        r#""Activated":null,"Deactivated":null,"IsDefault":false,"IsContinuum":false,"IsTheLastOne":false,"#,
        r#""HideBilling":false,"MFASecret":null,"HourlyCost":0.00,"RemainingTimeBalance":null,"IsContact":false}"#,
    );

    #[test]
    fn the_first_person_is_the_printed_one_to_the_byte() {
        let person = serde_json::to_string(&administrator()).unwrap();
        assert_eq!(person, PRINTED);
    }

    #[test]
    fn the_other_two_have_no_login_and_no_hours() {
        for person in [default_user(), manager()] {
            let person = serde_json::to_value(&person).unwrap();
            for (field, expected) in [
                ("/Username", json!(null)),
                ("/IsLogin", json!(false)),
                ("/UserWorkingHours/Monday", json!(0)),
                ("/DaysOffPerYear", json!(0)),
            ] {
                assert_eq!(person.pointer(field), Some(&expected));
            }
        }
    }
}

//! Both backends with lists of their customers, as `discover` reads them.

use serde_json::{Value, json};

use super::{Call, Reply, World, persons_page};

/// A list of customers at each backend; all customers have the same users there.
#[derive(Clone, Default)]
pub(crate) struct Lists {
    pub(crate) advanced_automation: Vec<Value>,
    pub(crate) my_reports: Vec<Value>,
    pub(crate) persons: Vec<Value>,
    pub(crate) users: Vec<Value>,
}

impl World {
    /// Makes both backends list these customers from now on.
    pub(crate) fn list(&self, lists: &Lists) {
        let Lists { advanced_automation, my_reports, persons, users } = lists.clone();
        self.answer_persons(
            move |call| if is_list(call) { customers_page(&advanced_automation, call) } else { persons_page(&persons, call) },
        );
        self.my_reports.answer(move |call| {
            if is_list(call) {
                tenants_page(&my_reports, call)
            } else {
                Reply::json(200, &json!({"page_size": users.len(), "data": users, "status": "success"}))
            }
        });
    }

    /// How often a page of each list was requested.
    pub(crate) fn lists_asked(&self) -> (usize, usize) {
        (self.advanced_automation.count("/Customer"), self.my_reports.count("/customers"))
    }
}

/// Whether a call requests a page of customers.
pub(crate) fn is_list(call: &Call) -> bool {
    call.path.ends_with("/Customer") || call.path.ends_with("/customers")
}

/// A customer as Advanced Automation lists it.
pub(crate) fn customer(id: &str, name: &str, uuid: &str, number: &str) -> Value {
    json!({"Id": id, "Tenant": "partner", "Name": name, "ExternalTenantUUID": uuid, "ExternalTenantId": number, "IsTier4": true})
}

/// A customer as MyReports lists it.
pub(crate) fn tenant(id: &str, name: &str, reference: &str) -> Value {
    json!({"id": id, "name": name, "reference": reference, "enabled": true, "parentTenantId": "account"})
}

/// The requested page: its counts are beside the rows, and pages are not counted.
pub(crate) fn customers_page(rows: &[Value], call: &Call) -> Reply {
    let (page, size) = (call.number("Page"), call.number("PageSize"));
    let customers: Vec<&Value> = rows.iter().skip((page - 1) * size).take(size).collect();
    Reply::json(200, &json!({"Customers": customers, "AmountRecordsFound": rows.len(), "AmountOfPages": 0}))
}

/// The requested page, numbered from 0 and without a total.
pub(crate) fn tenants_page(rows: &[Value], call: &Call) -> Reply {
    let (index, size) = (call.number("pageIndex"), call.number("pageSize"));
    let data: Vec<&Value> = rows.iter().skip(index * size).take(size).collect();
    Reply::json(200, &json!({"page_size": data.len(), "page_index": index, "data": data, "status": "success"}))
}

"""Facts that schemathesis cannot know from the document: which customers and users the demo has, and that a
cursor is opaque, so that only one from the gateway itself is valid. Deliberately invalid cases stay
unchanged."""

import schemathesis
from schemathesis import GenerationMode

CUSTOMER = "00000000-0000-4000-8000-000000000%03d"
# Customers that never get a 5xx.
NUMBERS = [1, 2, 3, 4, 6, 7, 9, 10, 100, 101, 111]

# A user of the first of them.
USER = "advanced_automation:65f61819-465d-4fb1-b124-13282aa1fb09"


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    if "customer_id" in (case.path_parameters or {}):
        drawn = sum(str(case.path_parameters["customer_id"]).encode())
        case.path_parameters["customer_id"] = CUSTOMER % NUMBERS[drawn % len(NUMBERS)]
    if "user_id" in (case.path_parameters or {}):
        case.path_parameters["customer_id"], case.path_parameters["user_id"] = CUSTOMER % 1, USER
    (case.query or {}).pop("cursor", None)

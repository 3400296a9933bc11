// Fastify with undici: asks both backends at once and joins their records by the lower-cased address.
// PEER_MODULES is the folder that contains node_modules; PORT and BACKENDS are ports of 127.0.0.1.
import { createRequire } from "node:module";

const require = createRequire(`${process.env.PEER_MODULES}/`);
const fastify = require("fastify")({ logger: false, keepAliveTimeout: 600_000 });
const { Pool } = require("undici");

const backends = new Pool(`http://127.0.0.1:${process.env.BACKENDS}`, { connections: 128, pipelining: 1 });
const headers = { authorization: "Bearer a-token" };

async function ask(method, path) {
  const { statusCode, body } = await backends.request({ method, path, headers });
  if (statusCode !== 200) throw new Error(`a backend answered ${statusCode}`);
  return JSON.parse(await body.text());
}

const text = (value) => value || null;

const ofPerson = (person) => ({
  id: person.Id,
  display_name: text(person.Name), first_name: text(person.FirstName), last_name: text(person.LastName),
  email: text(person.Email), username: text(person.Username), phone: text(person.Phonenumber),
  enabled: person.Enabled, can_sign_in: person.IsLogin, roles: person.Role ? [person.Role] : [],
  primary_contact: person.PrimaryContact, inherited: null, placeholder: false, deleted: person.Deleted, matched_by: null,
  sources: [{ source: "advanced_automation", id: person.Id }],
});

const ofUser = (user) => ({
  id: user.id,
  display_name: text(user.displayName), first_name: null, last_name: null,
  email: text(user.email), username: null, phone: null,
  enabled: null, can_sign_in: null, roles: [],
  primary_contact: null, inherited: user.isParent, placeholder: false, deleted: false, matched_by: null,
  sources: [{ source: "my_reports", id: user.id }],
});

function join(persons, users) {
  const data = persons.map(ofPerson);
  const byAddress = new Map();
  for (const person of data) if (person.email) byAddress.set(person.email.toLowerCase(), person);
  for (const user of users) {
    const joined = user.email && byAddress.get(user.email.toLowerCase());
    if (joined) {
      joined.inherited = user.isParent;
      joined.matched_by = "email";
      joined.sources.push({ source: "my_reports", id: user.id });
    } else {
      data.push(ofUser(user));
    }
  }
  return data;
}

fastify.get("/customers/:customer/users", async (request) => {
  const customer = encodeURIComponent(request.params.customer);
  const [persons, users] = await Promise.all([
    ask("POST", `/api/advanced-automation/v1/Person?Page=1&PageSize=50&Customer=${customer}`),
    ask("GET", `/api/v1.0/customers/${customer}/users`),
  ]);
  const data = join(persons.Clients, users.data);
  return { status: "success", page_size: data.length, total: data.length, next_cursor: null, data, warnings: [] };
});

await fastify.listen({ host: "127.0.0.1", port: Number(process.env.PORT) });

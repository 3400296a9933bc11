-- Asks both backends at once and joins their records by the lower-cased address.
local cjson = require "cjson"
local null = cjson.null

local function ask_both(customer)
  local args = { customer = customer }
  local persons, users = ngx.location.capture_multi({ { "/persons", { args = args } }, { "/users", { args = args } } })
  if persons.status ~= 200 or users.status ~= 200 then
    ngx.exit(502)
  end
  return cjson.decode(persons.body).Clients, cjson.decode(users.body).data
end

local function text(value)
  if value == "" then return null end
  return value
end

local function of_person(person)
  return {
    id = person.Id, display_name = text(person.Name), first_name = text(person.FirstName), last_name = text(person.LastName),
    email = text(person.Email), username = text(person.Username), phone = text(person.Phonenumber),
    enabled = person.Enabled, can_sign_in = person.IsLogin,
    roles = person.Role ~= "" and { person.Role } or cjson.empty_array,
    primary_contact = person.PrimaryContact, inherited = null, placeholder = false, deleted = person.Deleted, matched_by = null,
    sources = { { source = "advanced_automation", id = person.Id } },
  }
end

local function of_user(user)
  return {
    id = user.id, display_name = text(user.displayName), first_name = null, last_name = null, email = text(user.email),
    username = null, phone = null, enabled = null, can_sign_in = null, roles = cjson.empty_array, primary_contact = null,
    inherited = user.isParent, placeholder = false, deleted = false, matched_by = null,
    sources = { { source = "my_reports", id = user.id } },
  }
end

local function join(persons, users)
  local data, by_address = {}, {}
  for place, person in ipairs(persons) do
    local joined = of_person(person)
    data[place] = joined
    if joined.email ~= null then by_address[joined.email:lower()] = joined end
  end
  for _, user in ipairs(users) do
    local joined = user.email ~= null and by_address[user.email:lower()]
    if joined then
      joined.inherited, joined.matched_by = user.isParent, "email"
      joined.sources[2] = { source = "my_reports", id = user.id }
    else
      data[#data + 1] = of_user(user)
    end
  end
  return data
end

local data = join(ask_both(ngx.var.customer))
local body = cjson.encode({
  status = "success", page_size = #data, total = #data, next_cursor = null, data = data, warnings = cjson.empty_array,
})
ngx.header["Content-Length"] = #body
ngx.print(body)

-- http-request lua.wayvo ADDRESS TARGET: asks Wayvo whether the request may pass. README.md beside this file explains it.

local IDENTITY = {
  "wayvo-organization-id", "wayvo-project-id", "wayvo-principal", "wayvo-credential-id", "wayvo-mode", "wayvo-scopes",
}
-- What Wayvo needs to know of the request.
local ASKED_WITH = {"authorization", "x-forwarded-for", "x-request-id"}
-- What the client gets to know of a denial.
local TOLD = {"content-type", "www-authenticate", "retry-after", "x-request-id"}

core.register_action("wayvo", {"http-req"}, function(txn, address, target)
  local got = txn.http:req_get_headers()
  local headers = {}
  for _, name in ipairs(ASKED_WITH) do
    if got[name] then
      headers[name] = {}
      for index = 0, #got[name] do
        table.insert(headers[name], got[name][index])
      end
    end
  end
  headers["x-forwarded-for"] = headers["x-forwarded-for"] or {}
  table.insert(headers["x-forwarded-for"], txn.f:src())

  local answer = core.httpclient():get{url = "http://wayvo" .. target, dst = address, headers = headers}
  local status = answer and answer.status or 0

  if status == 200 then
    for _, name in ipairs(IDENTITY) do
      local values = answer.headers[name]
      if values and values[0] ~= "" then
        txn.http:req_set_header(name, values[0])
      end
    end
    txn:set_var("txn.wayvo_passes", true)
  elseif status == 401 or status == 403 then
    local reply = txn:reply{status = status, body = answer.body}
    for _, name in ipairs(TOLD) do
      if answer.headers[name] then
        reply:add_header(name, answer.headers[name][0])
      end
    end
    txn:done(reply)
  end
  -- Anything else passes nothing: the configuration denies it.
end, 2)

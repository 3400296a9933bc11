-- For wrk: another customer for each request if arguments are given, and one line of figures at the end.
-- wrk ... -s wrk.lua URL -- BEGINNING_OF_THE_PATH NUMBER REST_OF_THE_PATH [METHOD]
-- The number is incremented for each request and written with 27 digits.

function init(args)
  local before, number, after, method = args[1], tonumber(args[2]), args[3], args[4] or "GET"
  if not before then return end -- always the same request, which wrk builds once
  local head = method .. " " .. before
  local tail = after .. " HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer a-token\r\nContent-Length: 0\r\n\r\n"
  if method == "GET" then tail = tail:gsub("Content%-Length: 0\r\n", "") end
  request = function()
    number = number + 1
    return head .. string.format("%027d", number) .. tail
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  local p50, p99 = latency:percentile(50), latency:percentile(99)
  io.write(string.format("FIGURES %d %d %d %d %d\n", summary.requests, summary.duration, p50, p99, failed))
end

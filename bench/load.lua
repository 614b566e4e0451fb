-- wrk's part: sends prepared requests in turn, and says in one line of JSON how that went.
-- Arguments: a file whose every line is a request (method, path, authorization and body, with tabs between), and the
-- number to begin with. Nine @ in a body become the request's number, in as many digits. A PUT takes any version.

local requests, counts, number = {}, {}, 0

function init(args)
  for line in io.lines(args[1]) do
    local method, path, authorization, body = string.match(line, "^([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)$")
    local headers = {}
    if #authorization > 0 then headers["Authorization"] = authorization end
    if #body > 0 then headers["Content-Type"] = "application/json" else body = nil end
    if method == "PUT" then headers["If-Match"] = "*" end
    requests[#requests + 1] = wrk.format(method, path, headers, body)
    counts[#requests] = string.find(requests[#requests], "@@@@@@@@@", 1, true) ~= nil
  end
  number = tonumber(args[2])
end

function request()
  number = number + 1
  local turn = number % #requests + 1
  local text = requests[turn]
  if counts[turn] then text = string.gsub(text, "@@@@@@@@@", string.format("%09d", number)) end
  return text
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"microseconds":%d,"bytes":%d,"p50":%d,"p99":%d,"failed":%d}\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end

-- wrk's part: sends prepared bodies in turn, and says in one line of JSON how that went.
-- Arguments: a file whose first line is the bearer token (or empty) and whose every other line is a body, and the
-- number to begin with. Nine @ in a body become the request's number, in as many digits.

local requests, number, counts = {}, 0, false

function init(args)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  local first = true
  for line in io.lines(args[1]) do
    if first then
      if #line > 0 then wrk.headers["Authorization"] = "Bearer " .. line end
      first = false
    else
      requests[#requests + 1] = wrk.format(nil, nil, nil, line)
    end
  end
  number = tonumber(args[2])
  counts = string.find(requests[1], "@@@@@@@@@", 1, true) ~= nil
end

function request()
  number = number + 1
  local text = requests[number % #requests + 1]
  if counts then text = string.gsub(text, "@@@@@@@@@", string.format("%09d", number)) end
  return text
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"microseconds":%d,"bytes":%d,"p50":%d,"p99":%d,"failed":%d}\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end

-- For wrk: sends the requests of a file in their order, and starts again after the last one.
--
--   wrk ... --script requests.lua URL -- FILE
--
-- Each line is a request: method, path, bearer token and body, separated by tabs. The last two may be empty.

local requests, count, current = {}, 0, 0

function init(arguments)
   for line in io.lines(arguments[1]) do
      local method, path, token, body = line:match("^(%u+)\t(%S+)\t(%S*)\t(.*)$")
      local headers = {}
      if token ~= "" then headers["Authorization"] = "Bearer " .. token end
      if body == "" then body = nil else headers["Content-Type"] = "application/json" end
      count = count + 1
      requests[count] = wrk.format(method, path, headers, body)
   end
end

function request()
   current = current % count + 1
   return requests[current]
end

-- The last line that wrk prints is this JSON. Times are in microseconds.
function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '{"requests": %d, "duration": %d, "p50": %d, "p99": %d, ' ..
      '"errors": {"status": %d, "connect": %d, "read": %d, "write": %d, "timeout": %d}}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      errors.status, errors.connect, errors.read, errors.write, errors.timeout
   ))
end

-- wrk sends the requests of a file, one after the other: `wrk -s mix.lua URL -- FILE`, each as its length, a line's end, its bytes.
local requests, position = {}, 0

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  local length = file:read("*n")
  while length do
    file:read(1)
    requests[#requests + 1] = file:read(length)
    length = file:read("*n")
  end
  file:close()
end

function request()
  position = position % #requests + 1
  return requests[position]
end

function done(summary)
  local errors = summary.errors
  local broken = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format("result %d %d %d %d\n", summary.requests, summary.duration, errors.status, broken))
end

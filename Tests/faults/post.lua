-- What wrk sends: the review in the file that REVIEW names; a connection for each with CLOSE=1. Every
-- answer is looked at.
local file = assert(io.open(os.getenv("REVIEW"), "rb"))
wrk.method, wrk.body = "POST", file:read("*a")
file:close()
wrk.headers["Content-Type"] = "application/json"
if os.getenv("CLOSE") then wrk.headers["Connection"] = "close" end

function response(status)
  if status ~= 200 then print("status " .. status) end
end

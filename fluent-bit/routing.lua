-- What the tag of a record is made of, found before the record is parsed: once a record has numbers and nested values,
-- a trip through Lua would change some of them.

local NUMERIC_ERROR_LEVELS = { ["50"] = "ERROR", ["60"] = "FATAL" }

-- Position of the quote that closes the string which opens at `open`.
local function string_end(line, open)
  local at = open + 1
  while true do
    at = line:find('["\\]', at)
    if at == nil or line:byte(at) == 0x22 then
      return at
    end
    at = at + 2
  end
end

-- Reads the outline of the JSON object at the start of a line: the position where it closes, nil where it does not, and
-- the value of its own `level` if that is an unsigned integer.
local function outline(line)
  local depth, at, level = 0, 0, nil
  repeat
    at = line:find('["{}]', at + 1)
    if at == nil then
      return nil
    end
    local char = line:sub(at, at)
    if char == "{" then
      depth = depth + 1
    elseif char == "}" then
      depth = depth - 1
    else
      if depth == 1 and line:find('^level"%s*:', at + 1) then
        level = line:match('^level"%s*:%s*(%d+)%s*[,}]', at + 1)
      end
      at = string_end(line, at)
      if at == nil then
        return nil
      end
    end
  until depth == 0
  return at, level
end

function prepare(tag, time, record)
  record.firelens_hour = os.date("!%Y.%m.%d.%H", time.sec)
  local line = record.log
  if type(line) == "string" and line:find("^%s*{") then
    local closes, level = outline(line)
    if closes and line:find("^%s*$", closes + 1) then
      record.log = nil
      record.firelens_json = line
      record.firelens_level = NUMERIC_ERROR_LEVELS[level]
    end
  end
  return 2, time, record
end

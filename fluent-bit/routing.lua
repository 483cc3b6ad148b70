-- What the tag of a record is made of, found before the record is parsed: once a record has numbers and nested values,
-- a trip through Lua would change some of them.

local NUMERIC_ERROR_LEVELS = { ["50"] = "ERROR", ["60"] = "FATAL" }
local ERROR_LEVELS = { ERROR = true, CRITICAL = true, FATAL = true }

-- The cloudwatch_logs output of Fluent Bit 5.0 measures an event as it is sent: the record as JSON, escaped once more as
-- a JSON string. It cuts the JSON of more bytes in the middle, and drops what has over 1,048,576.
local MAX_EVENT_BYTES = 1000000
-- No line of fewer bytes can be too large: escaping twice makes at most 7 bytes of one, writing out a number (1e18) 5.
local MIN_SUSPECT_BYTES = 65536
local EXPONENT_GROWTH = 20
-- The punctuation of a name and its value in an event, and of what else is around them.
local FIELD_BYTES = 10
local FRAME_BYTES = 100
-- A line that is too large is measured in pieces of so many bytes.
local PIECE_BYTES = 4096

local UTF8_CHARACTERS = {
  "[\194-\223][\128-\191]",
  "\224[\160-\191][\128-\191]",
  "\237[\128-\159][\128-\191]",
  "[\225-\236\238\239][\128-\191][\128-\191]",
  "\240[\144-\191][\128-\191][\128-\191]",
  "\244[\128-\143][\128-\191][\128-\191]",
  "[\241-\243][\128-\191][\128-\191][\128-\191]",
}

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

-- Reads the outline of the JSON object at the start of a line: the position where it closes, nil where it does not; the
-- value of its own `level` if that is an unsigned integer; and the text if it is a string.
local function outline(line)
  local depth, at, number, text = 0, 0, nil, nil
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
        number = line:match('^level"%s*:%s*(%d+)%s*[,}]', at + 1)
        text = line:match('^level"%s*:%s*"(%a+)"', at + 1)
      end
      at = string_end(line, at)
      if at == nil then
        return nil
      end
    end
  until depth == 0
  return at, number, text
end

local function count(text, pattern)
  return select(2, text:gsub(pattern, ""))
end

-- Bytes that are part of no character; each becomes U+FFFD.
local function stray_bytes(text)
  for _, character in ipairs(UTF8_CHARACTERS) do
    text = text:gsub(character, ".")
  end
  return count(text, "[\128-\255]")
end

-- Bytes of a text in an event.
local function event_bytes(text)
  local short = count(text, "[\b\t\n\f\r]")
  local long = count(text, "%c") - short
  return #text + 3 * count(text, '["\\]') + 2 * short + 6 * long + 2 * stray_bytes(text)
end

-- Bytes of the fields of a JSON line in an event, at most.
local function parsed_event_bytes(line)
  local exponents = count(line, "%d[eE][+%-]?%d")
  return #line
    + count(line, '["\\]')
    + 6 * count(line, "\127")
    + 2 * stray_bytes(line)
    + EXPONENT_GROWTH * exponents
end

-- The beginning of a line, as much as fits into so many bytes of an event.
local function beginning(line, bytes)
  local length = 0
  while length < #line do
    local piece = line:sub(length + 1, length + PIECE_BYTES)
    bytes = bytes - event_bytes(piece)
    if bytes < 0 then
      break
    end
    length = length + #piece
  end
  -- Not in the middle of a character.
  for _ = 1, 3 do
    if line:find("^[\128-\191]", length + 1) then
      length = length - 1
    end
  end
  return line:sub(1, length)
end

-- For an error that is too large for an event, another record: it has the beginning of the line.
local function event_of(record, line, level)
  local event, size = { level = level, line_bytes = #line }, FRAME_BYTES
  for name, value in pairs(record) do
    event[name] = value
    size = size + event_bytes(name) + event_bytes(tostring(value)) + FIELD_BYTES
  end
  if size + parsed_event_bytes(line) <= MAX_EVENT_BYTES then
    return nil
  end
  event.firelens_beginning = beginning(line, MAX_EVENT_BYTES - size)
  return event
end

function prepare(tag, time, record)
  record.firelens_hour = os.date("!%Y.%m.%d.%H", time.sec)
  local line = record.log
  if type(line) ~= "string" or not line:find("^%s*{") then
    return 2, time, record
  end
  local closes, number, text = outline(line)
  if not closes or not line:find("^%s*$", closes + 1) then
    return 2, time, record
  end
  record.log = nil
  local event
  local level = NUMERIC_ERROR_LEVELS[number] or text
  if #line >= MIN_SUSPECT_BYTES and ERROR_LEVELS[(level or ""):upper()] then
    event = event_of(record, line, level)
  end
  record.firelens_json = line
  if event ~= nil then
    record.firelens_complete = "yes"
    return 2, time, { record, event }
  end
  record.firelens_level = NUMERIC_ERROR_LEVELS[number]
  return 2, time, record
end

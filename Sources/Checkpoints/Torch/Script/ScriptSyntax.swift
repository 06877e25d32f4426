import Text

/// An expression in a script's code.
indirect enum ScriptExpression {
    case name(String)
    case integer(Int)
    case real(Double)
    case text(String)
    case attribute(ScriptExpression, String)
    case call(ScriptExpression, [ScriptExpression], named: [(name: String, value: ScriptExpression)])
    case index(ScriptExpression, ScriptExpression)
    case list([ScriptExpression])
    case tuple([ScriptExpression])
    case dictionary([(key: ScriptExpression, value: ScriptExpression)])
}

/// A statement in a script's code, with the line that it begins in.
struct ScriptLine {
    let number: Int
    let statement: ScriptStatement
}

/// A statement in a script's code.
indirect enum ScriptStatement {
    /// `isUnpacked` if the value's items go to the names one by one.
    case assign([String], ScriptExpression, isUnpacked: Bool)
    case answer(ScriptExpression)
    case condition(ScriptExpression, [ScriptLine], [ScriptLine])
    /// `for name in values:`
    case loop(String, ScriptExpression, [ScriptLine])
    /// `with value:`
    case context(ScriptExpression, [ScriptLine])
    case expression(ScriptExpression)
    /// A statement that is not run, with its first word and the lines inside.
    case other(String, [ScriptLine])
}

/// A function or method in a script's code.
struct ScriptFunction {
    let name: String
    /// Where it stands, `Model.forward in code/__torch__.py`, for messages.
    var place = ""
    /// The names of parameters, with what they are where nothing is given.
    let parameters: [(name: String, standard: ScriptExpression?)]
    let body: [ScriptLine]
}

/// A class in a script's code.
struct ScriptClass {
    var methods: [String: ScriptFunction] = [:]
    /// What `name : Final[...] = value` declares.
    var constants: [String: ScriptExpression] = [:]
    /// The names of tensors that are no parameters.
    var buffers: [String] = []
}

/// What a file of a script's code declares: TorchScript's small part of Python, as its compiler prints it.
struct ScriptFile {
    private(set) var functions: [String: ScriptFunction] = [:]
    private(set) var classes: [String: ScriptClass] = [:]

    /// - Throws: ``Problem`` for what is no such code.
    init(_ text: String) throws(Problem) {
        var parser = ScriptParser(try ScriptTokens.read(text))
        while !parser.isAtEnd {
            if parser.takeLine() { continue }
            if parser.take("class") {
                let (name, found) = try parser.classBody()
                classes[name] = found
            } else if parser.take("def") {
                let function = try parser.function()
                functions[function.name] = function
            } else {
                throw parser.unexpected("a class or a function")
            }
        }
    }
}

/// Reads the statements of a script's code.
struct ScriptParser {
    private let tokens: [ScriptToken]
    private var place = 0
    private var depth = 0

    private static let depthLimit = 100

    init(_ tokens: [ScriptToken]) { self.tokens = tokens }

    var isAtEnd: Bool { place >= tokens.count }

    func unexpected(_ expected: String) -> Problem {
        let found = isAtEnd ? "its end" : "'\(tokens[place].text)'"
        let line = isAtEnd ? nil : "line \(tokens[place].line)"
        return Problem("is not code of TorchScript", subject: line, expected: expected, found: found)
    }

    private func isNext(_ text: String) -> Bool { !isAtEnd && tokens[place].kind == .symbol && tokens[place].text == text }

    /// Whether the next token is this symbol or word, which is passed.
    mutating func take(_ text: String) -> Bool {
        guard !isAtEnd, tokens[place].text == text, tokens[place].kind == .symbol || tokens[place].kind == .word else { return false }
        place += 1
        return true
    }

    private mutating func expect(_ text: String) throws(Problem) { guard take(text) else { throw unexpected("'\(text)'") } }

    private mutating func word() throws(Problem) -> String {
        guard !isAtEnd, tokens[place].kind == .word else { throw unexpected("a name") }
        place += 1
        return tokens[place - 1].text
    }

    private mutating func takeKind(_ kind: ScriptToken.Kind) -> Bool {
        guard !isAtEnd, tokens[place].kind == kind else { return false }
        place += 1
        return true
    }

    mutating func takeLine() -> Bool { takeKind(.line) }

    private mutating func endLine() throws(Problem) { guard takeKind(.line) || isAtEnd else { throw unexpected("the end of a line") } }

    private mutating func nested<Result>(_ body: (inout ScriptParser) throws(Problem) -> Result) throws(Problem) -> Result {
        depth += 1
        guard depth <= Self.depthLimit else { throw Problem("is code that nests too deep", expected: "at most \(Self.depthLimit) levels") }
        defer { depth -= 1 }
        return try body(&self)
    }

    // MARK: Declarations

    /// What follows `class`.
    mutating func classBody() throws(Problem) -> (String, ScriptClass) {
        let name = try word()
        if take("(") { while !take(")") { try skip() } }
        try expect(":")
        try endLine()
        var found = ScriptClass()
        guard takeKind(.indent) else { return (name, found) }
        while !takeKind(.dedent) {
            if isAtEnd { break }
            if take("def") {
                let function = try function()
                found.methods[function.name] = function
                continue
            }
            if takeKind(.line) { continue }
            let declared = try expression()
            if take(":") { _ = try expression() }
            if take("=") {
                let value = try expression()
                if case .name("__buffers__") = declared, case .list(let items) = value {
                    found.buffers = items.compactMap { if case .text(let text) = $0 { text } else { nil } }
                } else if case .name(let name) = declared {
                    found.constants[name] = value
                }
            }
            try endLine()
        }
        return (name, found)
    }

    private mutating func skip() throws(Problem) {
        guard !isAtEnd else { throw unexpected("')'") }
        place += 1
    }

    /// What follows `def`.
    mutating func function() throws(Problem) -> ScriptFunction {
        let name = try word()
        try expect("(")
        var parameters: [(name: String, standard: ScriptExpression?)] = []
        while !take(")") {
            if take("*") { continue }
            let parameter = try word()
            if take(":") { _ = try expression() }
            parameters.append((parameter, take("=") ? try expression() : nil))
            if !isNext(")") { try expect(",") }
        }
        if take("->") { _ = try expression() }
        try expect(":")
        try endLine()
        return ScriptFunction(name: name, parameters: parameters, body: try block())
    }

    private mutating func block() throws(Problem) -> [ScriptLine] {
        try nested { (parser) throws(Problem) in
            guard parser.takeKind(.indent) else { throw parser.unexpected("an indented line") }
            var lines: [ScriptLine] = []
            while !parser.isAtEnd, !parser.takeKind(.dedent) {
                if parser.takeKind(.line) { continue }
                let number = parser.isAtEnd ? 0 : parser.tokens[parser.place].line
                if let statement = try parser.statement() { lines.append(ScriptLine(number: number, statement: statement)) }
            }
            return lines
        }
    }

    // MARK: Statements

    private mutating func statement() throws(Problem) -> ScriptStatement? {
        if take("pass") {
            try endLine()
            return nil
        }
        if take("return") {
            let value = try expressionList()
            try endLine()
            return .answer(value)
        }
        if take("if") {
            let condition = try expression()
            try expect(":")
            try endLine()
            let first = try block()
            guard take("else") else { return .condition(condition, first, []) }
            try expect(":")
            try endLine()
            return .condition(condition, first, try block())
        }
        if take("with") {
            let context = try expression()
            try expect(":")
            try endLine()
            return .context(context, try block())
        }
        if take("for") {
            let name = try word()
            guard take("in") else { throw unexpected("'in'") }
            let values = try expression()
            try expect(":")
            try endLine()
            return .loop(name, values, try block())
        }
        for kind in ["while", "assert", "raise", "del", "break", "continue"] where take(kind) {
            while !isAtEnd, !takeKind(.line) { place += 1 }
            return .other(kind, !isAtEnd && tokens[place].kind == .indent ? try block() : [])
        }
        let first = try expressionList()
        if take(":") { _ = try expression() }
        guard take("=") else {
            try endLine()
            return .expression(first)
        }
        let value = try expressionList()
        try endLine()
        switch first {
        case .name(let name): return .assign([name], value, isUnpacked: false)
        case .tuple(let items):
            var names: [String] = []
            for item in items {
                guard case .name(let name) = item else { return .other("an assignment to a part", []) }
                names.append(name)
            }
            return .assign(names, value, isUnpacked: true)
        default: return .other("an assignment to a part", [])
        }
    }

    /// One expression, or several with commas between or after them.
    private mutating func expressionList() throws(Problem) -> ScriptExpression {
        let first = try expression()
        guard isNext(",") else { return first }
        var items = [first]
        while take(",") {
            if isAtEnd || tokens[place].kind == .line || isNext("=") || isNext("]") { break }
            items.append(try expression())
        }
        return .tuple(items)
    }

    // MARK: Expressions

    private mutating func expression() throws(Problem) -> ScriptExpression {
        try nested { (parser) throws(Problem) in
            var value = try parser.primary()
            while true {
                if parser.take(".") {
                    value = .attribute(value, try parser.word())
                } else if parser.take("[") {
                    value = .index(value, try parser.expressionList())
                    try parser.expect("]")
                } else if parser.take("(") {
                    value = try parser.arguments(of: value)
                } else {
                    return value
                }
            }
        }
    }

    private mutating func arguments(of callee: ScriptExpression) throws(Problem) -> ScriptExpression {
        var given: [ScriptExpression] = []
        var named: [(name: String, value: ScriptExpression)] = []
        while !take(")") {
            if !isAtEnd, tokens[place].kind == .word, place + 1 < tokens.count, tokens[place + 1].kind == .symbol,
                tokens[place + 1].text == "="
            {
                let name = try word()
                try expect("=")
                named.append((name, try expression()))
            } else {
                given.append(try expression())
            }
            if !isNext(")") { try expect(",") }
        }
        return .call(callee, given, named: named)
    }

    private mutating func primary() throws(Problem) -> ScriptExpression {
        guard !isAtEnd else { throw unexpected("a value") }
        let token = tokens[place]
        switch token.kind {
        case .word:
            place += 1
            return token.text == "inf" ? .real(.infinity) : token.text == "nan" ? .real(.nan) : .name(token.text)
        case .text:
            place += 1
            return .text(token.text)
        case .number:
            place += 1
            if let integer = Int(token.text) { return .integer(integer) }
            guard let real = Double(token.text.last == "." ? token.text + "0" : token.text) else {
                throw Problem("is not code of TorchScript", expected: "a number", found: "'\(token.text)'")
            }
            return .real(real)
        case .symbol where token.text == "-":
            place += 1
            switch try expression() {
            case .integer(let number) where number != .min: return .integer(-number)
            case .real(let number): return .real(-number)
            default: throw Problem("is not code of TorchScript", expected: "a number behind '-'")
            }
        case .symbol where token.text == "(":
            place += 1
            if take(")") { return .tuple([]) }
            let first = try expression()
            guard isNext(",") else {
                try expect(")")
                return first
            }
            var items = [first]
            while take(","), !isNext(")") { items.append(try expression()) }
            try expect(")")
            return .tuple(items)
        case .symbol where token.text == "[":
            place += 1
            var items: [ScriptExpression] = []
            while !take("]") {
                items.append(try expression())
                if !isNext("]") { try expect(",") }
            }
            return .list(items)
        case .symbol where token.text == "{":
            place += 1
            var entries: [(key: ScriptExpression, value: ScriptExpression)] = []
            while !take("}") {
                let key = try expression()
                try expect(":")
                entries.append((key, try expression()))
                if !isNext("}") { try expect(",") }
            }
            return .dictionary(entries)
        default: throw unexpected("a value")
        }
    }
}

import Text

/// The patterns of one tokenizer, numbered, so that one ``PatternMatcher`` serves them all.
struct PatternList: Sendable {
    private(set) var programs: [PatternProgram] = []

    static let maximumCount = 100

    /// The number of the pattern, which is added if it is new.
    mutating func add(_ program: PatternProgram) throws -> Int {
        guard programs.count < Self.maximumCount else {
            throw Problem("the tokenizer has too many patterns", expected: "at most \(Self.maximumCount)")
        }
        programs.append(program)
        return programs.count - 1
    }

    /// The pattern under `section`: `{"String": ...}`, found literally, or `{"Regex": ...}`.
    mutating func add(_ section: JSONSection) throws -> Int {
        if !section["String"].isNull { return try add(PatternProgram(literal: section["String"].string())) }
        if !section["Regex"].isNull { return try add(PatternProgram(section["Regex"].string())) }
        throw section.mismatch("a 'String' or a 'Regex'")
    }

    func matcher() -> PatternMatcher { PatternMatcher(classCounts: programs.map(\.classes.count)) }
}

import Text

/// Finds the matches of patterns in UTF-8 text, by backtracking with a bound on the work.
///
/// One matcher serves the patterns of one tokenizer, for one text: it remembers which scalars each class contains.
struct PatternMatcher {
    /// The progress of a search through a text.
    struct Search {
        fileprivate var position = 0
        fileprivate var lastMatchEnd = -1
    }

    /// A place to return to if a match fails.
    private struct Alternative {
        var instruction: Int
        var position: Int
        /// For a run of scalars that can still be shortened, the shortest it may be; otherwise -1.
        var shortest: Int
    }

    /// Per pattern and class: the page of each group of 256 scalars plus 1, 0 if it is not known yet; empty until the first use.
    private var pageNumbers: [[UInt16]]
    /// Per pattern and class: four words a page.
    private var pages: [[UInt64]]
    private let firstClass: [Int]
    private var stack: [Alternative] = []
    private var remainingSteps = 1_000_000

    /// The work allowed for each byte of text; real patterns need about five.
    private static let stepsPerByte = 300

    /// - Parameter classCounts: the number of classes of each pattern.
    init(classCounts: [Int]) {
        var first = [0]
        for count in classCounts { first.append(first[first.count - 1] + count) }
        firstClass = first
        pageNumbers = Array(repeating: [], count: first[first.count - 1])
        pages = pageNumbers.map { _ in [] }
    }

    /// Allows the work that a text of `count` bytes more may cost.
    mutating func allowSteps(forBytes count: Int) {
        let (sum, overflows) = remainingSteps.addingReportingOverflow(count * Self.stepsPerByte)
        if !overflows { remainingSteps = sum }
    }

    /// The next match of `program` in `text`, leftmost first; nil after the last.
    ///
    /// An empty match directly after another match does not count.
    ///
    /// - Parameter number: the pattern's place among those that the matcher was made for.
    /// - Throws: ``Problem`` if the pattern needs absurdly many steps.
    mutating func next(
        _ program: PatternProgram, number: Int, in text: UnsafeBufferPointer<UInt8>, _ search: inout Search
    ) throws -> Range<Int>? {
        var position = search.position
        while position <= text.count {
            var candidates = position < text.count ? program.alternativesByByte[Int(text[position])] : program.alternativesAtEnd
            while candidates != 0 {
                let start = program.alternatives[candidates.trailingZeroBitCount]
                candidates &= candidates - 1
                guard let end = try run(program, firstClass[number], from: start, at: position, text) else { continue }
                if end == position, end == search.lastMatchEnd { break }
                search.position = end
                search.lastMatchEnd = end
                return position..<end
            }
            position += position < text.count ? text.scalarLength(at: position) : 1
        }
        search.position = position
        return nil
    }

    /// Runs the instructions from `start` on; the end of the match, or nil.
    private mutating func run(
        _ program: PatternProgram, _ firstClass: Int, from start: Int, at place: Int, _ text: UnsafeBufferPointer<UInt8>
    ) throws -> Int? {
        let base = stack.count
        defer { stack.removeLast(stack.count - base) }
        var (instruction, position) = (start, place)
        while true {
            remainingSteps -= 1
            guard remainingSteps >= 0 else { throw Problem("a pattern takes too many steps on this text") }
            var isMatching = true
            switch program.instructions[instruction] {
            case .byte(let byte):
                isMatching = position < text.count && text[position] == byte
                position += 1
                instruction += 1
            case .oneOf(let reference):
                if position < text.count, text[position] < 0x80 {
                    isMatching = reference.contains(ascii: text[position])
                    position += 1
                } else {
                    let length =
                        position < text.count ? lengthOfMember(reference.index + firstClass, program, at: position, text, firstClass) : 0
                    isMatching = length > 0
                    position += length
                }
                instruction += 1
            case .run(let reference, let minimum, let maximum, let isPossessive):
                let (end, shortest) = runEnd(reference, minimum, maximum, program, firstClass, at: position, text)
                isMatching = shortest >= 0
                remainingSteps -= (end - position) >> 3
                instruction += 1
                if isMatching, !isPossessive, end > shortest {
                    stack.append(Alternative(instruction: instruction, position: end, shortest: shortest))
                }
                position = end
            case .split(let first, let second):
                stack.append(Alternative(instruction: second, position: position, shortest: -1))
                instruction = first
            case .jump(let target): instruction = target
            case .lookahead(let isNegative, let end):
                isMatching = (try run(program, firstClass, from: instruction + 1, at: position, text) != nil) != isNegative
                instruction = end
            case .atomic(let end):
                if let after = try run(program, firstClass, from: instruction + 1, at: position, text) {
                    position = after
                } else {
                    isMatching = false
                }
                instruction = end
            case .anchor(let anchor):
                isMatching = holds(anchor, at: position, text)
                instruction += 1
            case .accept: return position
            }
            if isMatching { continue }
            guard stack.count > base else { return nil }
            let top = stack.count - 1
            instruction = stack[top].instruction
            position = stack[top].position
            if stack[top].shortest < 0 {
                stack.removeLast()
                continue
            }
            position = text.scalarStart(before: position)
            if position > stack[top].shortest { stack[top].position = position } else { stack.removeLast() }
        }
    }

    /// Where a run of members of the class ends, and the shortest end that has the minimum of them; -1 if there are too few.
    @inline(__always)
    private mutating func runEnd(
        _ reference: PatternProgram.ClassReference, _ minimum: Int, _ maximum: Int, _ program: PatternProgram, _ firstClass: Int,
        at start: Int, _ text: UnsafeBufferPointer<UInt8>
    ) -> (end: Int, shortest: Int) {
        var (position, count) = (start, 0)
        var shortest = minimum == 0 ? start : -1
        while position < text.count, count < maximum {
            if text[position] < 0x80 {
                guard reference.contains(ascii: text[position]) else { break }
                position += 1
            } else {
                let length = lengthOfMember(reference.index + firstClass, program, at: position, text, firstClass)
                guard length > 0 else { break }
                position += length
            }
            count += 1
            if count == minimum { shortest = position }
        }
        return (position, shortest)
    }

    private func holds(_ anchor: PatternNode.Anchor, at position: Int, _ text: UnsafeBufferPointer<UInt8>) -> Bool {
        switch anchor {
        case .textStart: position == 0
        case .textEnd: position == text.count
        case .lineStart: position == 0 || position < text.count && text[position - 1] == 0x0A
        case .lineEnd: position == text.count || text[position] == 0x0A
        }
    }

    /// The length of the scalar at `position`, which is not ASCII, if the class holds it; else 0.
    @inline(never)
    private mutating func lengthOfMember(
        _ number: Int, _ program: PatternProgram, at position: Int, _ text: UnsafeBufferPointer<UInt8>, _ firstClass: Int
    ) -> Int {
        let scalar = text.scalar(at: position)
        if pageNumbers[number].isEmpty { pageNumbers[number] = Array(repeating: 0, count: 0x1100) }
        var page = Int(pageNumbers[number][Int(scalar.value >> 8)])
        if page == 0 {
            pages[number].append(contentsOf: program.classes[number - firstClass].members(ofPage: Int(scalar.value >> 8)))
            page = pages[number].count / 4
            pageNumbers[number][Int(scalar.value >> 8)] = UInt16(page)
        }
        let word = pages[number][(page - 1) * 4 + Int(scalar.value >> 6 & 3)]
        return word >> UInt64(scalar.value & 63) & 1 == 1 ? scalar.length : 0
    }
}

import TestSupport
import Testing

@Suite struct ArgumentBytesTests {
    @Test func anArgumentThatIsNotUTF8IsWrongUsage() throws {
        let result = try BuiltCommand.shell("\"$M\" info $'a\\xff.pt'")
        #expect(result.status == 64)
        #expect(result.errors.contains("is not UTF-8"))
    }
}

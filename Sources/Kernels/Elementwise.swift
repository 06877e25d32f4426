// Functions of single elements. Every result depends on its own place alone.

/// target_i += source_i.
package func addInPlace(_ source: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ count: Int) {
    for i in 0..<count { target[i] += source[i] }
}
